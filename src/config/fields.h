// Tables that say how a mapping becomes a struct: one line for each key.
//
//     constexpr Field<ServerConfig> kServerFields[] = {
//         {"port", number<&ServerConfig::port, 1, 65535>, {.is_required = true}},
//         {"passive", flag<&ServerConfig::passive>, {.aliases = {"backup", "standby"}}},
//
// A decoder gets a value that is in the file and writes one member, or reports why it cannot and
// leaves the member as it was; the rest of the file is decoded all the same. What the file
// leaves out keeps its default. decode_mapping() finds unknown, repeated and missing keys.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/context.h"
#include "config/scalars.h"

namespace sluice::config {

template <typename T>
using Decoder = void (*)(Context&, const Value&, T&);

struct FieldTraits {
  bool is_required = false;
  std::array<std::string_view, 2> aliases{};
};

template <typename T>
struct Field {
  std::string_view name;
  Decoder<T> decode;
  FieldTraits traits{};

  [[nodiscard]] constexpr bool answers_to(std::string_view key) const {
    return key == name || key == traits.aliases[0] || (key == traits.aliases[1] && !key.empty());
  }
};

namespace detail {

template <typename T>
struct MemberTraits;
template <typename Class, typename Type>
struct MemberTraits<Type Class::*> {
  using Owner = Class;
  using Member = Type;
};
template <auto M>
using Owner = typename MemberTraits<decltype(M)>::Owner;
template <auto M>
using Member = typename MemberTraits<decltype(M)>::Member;

/// Reports a value of the wrong kind; true if it is a scalar.
[[nodiscard]] bool expect_scalar(Context& context, const Value& value, std::string_view what);
[[nodiscard]] bool expect_unquoted(Context& context, const Value& value, std::string_view what);
[[nodiscard]] bool expect_kind(Context& context, const Value& value, NodeKind kind,
                               std::string_view what);

/// The keys that a mapping may have.
struct KnownKeys {
  std::vector<std::string_view> names;
  std::vector<std::string_view> words;  ///< names and aliases
};

void report_unknown_key(Context& context, const Entry& entry, std::string_view owner,
                        const KnownKeys& known);
/// One key under two of its names.
void report_repeated_key(Context& context, const Entry& entry, const Entry& first);
void report_missing_key(Context& context, Offset offset, std::string_view owner,
                        std::string_view name);
/// Whether an unknown key of the mapping looks like a misspelt `name`: then that is the mistake.
[[nodiscard]] bool is_misspelt_in(const TreeNode& mapping, std::string_view name,
                                  const KnownKeys& known);

template <typename T>
void store(Context& context, const Value& value, Parsed<T> parsed, auto& out) {
  if (parsed) {
    out = static_cast<std::remove_reference_t<decltype(out)>>(std::move(*parsed));
  } else {
    context.error(value.offset, std::move(parsed.error()));
  }
}

}  // namespace detail

// --- Mappings ---

/// A struct that takes keys from a mapping.
template <typename T, std::size_t N>
class Target {
 public:
  Target(const Field<T> (&fields)[N], T& object) : fields_(fields), object_(object) {}

  /// Keys of `defaults` are not missing where an entry leaves them out.
  Target inheriting(const TreeNode* defaults) && {
    defaults_ = defaults;
    return *this;
  }

  /// False if the key is none of ours.
  bool decode(Context& context, const Entry& entry) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!fields_[i].answers_to(entry.key)) continue;
      if (seen_[i] != nullptr) {
        detail::report_repeated_key(context, entry, *seen_[i]);
      } else {
        seen_[i] = &entry;
        fields_[i].decode(context, entry.value, object_);
      }
      return true;
    }
    return false;
  }

  void list_keys(detail::KnownKeys& out) const {
    for (const Field<T>& field : fields_) {
      out.names.push_back(field.name);
      out.words.push_back(field.name);
      for (const std::string_view alias : field.traits.aliases) {
        if (!alias.empty()) out.words.push_back(alias);
      }
    }
  }

  [[nodiscard]] bool is_complete() const {
    for (std::size_t i = 0; i < N; ++i) {
      if (is_missing(i)) return false;
    }
    return true;
  }

  void report_missing(Context& context, const Value& value, std::string_view owner,
                      const detail::KnownKeys& known) const {
    for (std::size_t i = 0; i < N; ++i) {
      if (!is_missing(i) || context.drop_if_full()) continue;
      if (detail::is_misspelt_in(*value.node, fields_[i].name, known)) continue;
      const Context::Step step(context, {fields_[i].name});
      detail::report_missing_key(context, value.offset, owner, fields_[i].name);
    }
  }

 private:
  [[nodiscard]] bool is_missing(std::size_t i) const {
    const bool is_inherited = defaults_ != nullptr && defaults_->find(fields_[i].name) != nullptr;
    return fields_[i].traits.is_required && seen_[i] == nullptr && !is_inherited;
  }

  const Field<T> (&fields_)[N];
  T& object_;
  std::array<const Entry*, N> seen_{};
  const TreeNode* defaults_ = nullptr;
};
template <typename T, std::size_t N>
Target(const Field<T> (&)[N], T&) -> Target<T, N>;

/// Gives each key of a mapping to the first target that knows it. `owner` names the thing for
/// messages: "a server".
template <typename... Targets>
void decode_mapping(Context& context, const Value& value, std::string_view owner,
                    Targets... targets) {
  if (!detail::expect_kind(context, value, NodeKind::kMapping, owner)) return;
  const auto known = [&targets...] {
    detail::KnownKeys keys;
    (targets.list_keys(keys), ...);
    return keys;
  };
  for (const Entry& entry : value.node->entries) {
    const Context::Step step(context, {entry.key});
    if ((targets.decode(context, entry) || ...) || context.drop_if_full()) continue;
    detail::report_unknown_key(context, entry, owner, known());
  }
  if ((targets.is_complete() && ...)) return;
  (targets.report_missing(context, value, owner, known()), ...);
}

/// A name for messages as a template argument.
struct Label {
  template <std::size_t N>
  consteval Label(const char (&name)[N]) {  // NOLINT(google-explicit-constructor)
    std::copy_n(name, N, text.begin());
  }
  [[nodiscard]] constexpr std::string_view view() const { return text.data(); }
  std::array<char, 48> text{};
};

template <auto M, const auto& Fields, Label Owner>
void block(Context& context, const Value& value, detail::Owner<M>& out) {
  decode_mapping(context, value, Owner.view(), Target(Fields, out.*M));
}

/// A block that may be absent; `false` or `off` takes back one that the defaults brought.
template <auto M, const auto& Fields, Label Owner>
void optional_block(Context& context, const Value& value, detail::Owner<M>& out) {
  if (value.node->kind == NodeKind::kScalar && value.node->is_plain) {
    if (const auto flag = parse_flag(value.node->text); flag && !*flag) {
      (out.*M).reset();
      return;
    }
  }
  if (!(out.*M)) (out.*M).emplace();
  decode_mapping(context, value, Owner.view(), Target(Fields, *(out.*M)));
}

// --- Lists ---

/// Calls `decode_item(item)` for each item of a list, with the path pointing at it.
template <typename DecodeItem>
void for_each_item(Context& context, const Value& value, std::string_view what,
                   DecodeItem decode_item) {
  if (!detail::expect_kind(context, value, NodeKind::kSequence, what)) return;
  std::size_t index = 0;
  for (const Entry& item : value.node->entries) {
    const Context::Step step(context, {{}, index++});
    decode_item(item.value);
  }
}

/// A list of mappings, in the struct's vector at the same index whether or not they are right.
template <auto M, const auto& Fields, Label Owner>
void blocks(Context& context, const Value& value, detail::Owner<M>& out) {
  auto& items = out.*M;
  items.clear();
  for_each_item(context, value, "a list", [&](const Value& item) {
    auto& element = items.emplace_back();
    element.position = context.position(item.offset);
    decode_mapping(context, item, Owner.view(), Target(Fields, element));
  });
}

/// A list of scalars, or a single one without the list. `parse(text)` makes an element.
template <typename T, typename Parse>
void parse_items(Context& context, const Value& value, std::vector<T>& items, Parse parse) {
  items.clear();
  const auto decode_item = [&](const Value& item) {
    if (!detail::expect_scalar(context, item, "text")) return;
    auto& element = items.emplace_back();
    detail::store(context, item, parse(item.node->text), element);
    if constexpr (requires { element.position; }) {
      element.position = context.position(item.offset);
    }
  };
  if (value.node->kind == NodeKind::kSequence) {
    for_each_item(context, value, "a list", decode_item);
  } else if (detail::expect_scalar(context, value, "text or a list ([a, b] or `- ` lines)")) {
    decode_item(value);
  }
}

template <auto M, auto Parse>
void list(Context& context, const Value& value, detail::Owner<M>& out) {
  parse_items(context, value, out.*M, Parse);
}

// --- Scalars ---

template <auto M>
void flag(Context& context, const Value& value, detail::Owner<M>& out) {
  if (!detail::expect_unquoted(context, value, "true or false")) return;
  detail::store(context, value, parse_flag(value.node->text), out.*M);
}

template <auto M, std::uint64_t Least, std::uint64_t Most>
void number(Context& context, const Value& value, detail::Owner<M>& out) {
  static_assert(Most <= std::numeric_limits<detail::Member<M>>::max());
  if (!detail::expect_unquoted(context, value, "a number")) return;
  detail::store(context, value, parse_number(value.node->text, Least, Most), out.*M);
}

/// Whether a duration may be 0, which is to say off.
enum class Zero { kIsOff, kIsWrong };

template <auto M, Zero Allowed = Zero::kIsOff>
void duration(Context& context, const Value& value, detail::Owner<M>& out) {
  if (!detail::expect_scalar(context, value, "a duration such as 5s")) return;
  Parsed<std::chrono::milliseconds> parsed = parse_duration(value.node->text);
  if (Allowed == Zero::kIsWrong && parsed && parsed->count() == 0) {
    context.error(value.offset, "cannot be 0: it needs a length, such as 5s");
    return;
  }
  detail::store(context, value, std::move(parsed), out.*M);
}

template <auto M, auto Parse>
void text(Context& context, const Value& value, detail::Owner<M>& out) {
  if (!detail::expect_scalar(context, value, "text")) return;
  detail::store(context, value, Parse(value.node->text), out.*M);
}

/// Bytes as they are, control characters and all (escapes in double quotes).
template <auto M>
void bytes(Context& context, const Value& value, detail::Owner<M>& out) {
  if (!detail::expect_scalar(context, value, "text")) return;
  out.*M = value.node->text;
}

/// A file's path; relative ones are relative to the configuration's place.
template <auto M>
void path(Context& context, const Value& value, detail::Owner<M>& out) {
  if (!detail::expect_scalar(context, value, "a path")) return;
  Parsed<std::string> parsed = parse_text(value.node->text);
  if (parsed) *parsed = context.resolve(*parsed);
  detail::store(context, value, std::move(parsed), out.*M);
}

/// A word of an enumeration. Several words may mean the same; only the first of them is offered.
template <typename E>
struct Choice {
  std::string_view word;
  E value;
};

/// Finds the word among `choices` or reports which ones there are; `others` is what else there is.
template <typename E, std::size_t N>
void choose(Context& context, const Value& value, const Choice<E> (&choices)[N], E& out,
            std::string_view others = {}) {
  std::string offered;
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < N; ++i) {
    words.push_back(choices[i].word);
    if (i > 0 && choices[i].value == choices[i - 1].value) continue;
    offered += (offered.empty() ? "" : ", ") + std::string(choices[i].word);
  }
  offered += others;
  if (!detail::expect_scalar(context, value, "one of " + offered)) return;
  for (const Choice<E>& choice : choices) {
    if (choice.word != value.node->text) continue;
    out = choice.value;
    return;
  }
  context.error(value.offset, quote(value.node->text) + " is not one of " + offered +
                                  context.suggester().suggest(value.node->text, words));
}

template <auto M, const auto& Choices>
void choice(Context& context, const Value& value, detail::Owner<M>& out) {
  choose(context, value, Choices, out.*M);
}

}  // namespace sluice::config
