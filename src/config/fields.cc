#include "config/fields.h"

#include <algorithm>

#include "config/schema.h"

namespace sluice::config::detail {

namespace {

std::string_view kind_name(NodeKind kind) {
  return kind == NodeKind::kMapping ? "a mapping (`key: value` lines)"
                                    : "a list ([a, b] or `- ` lines)";
}

std::string enumerate(const std::vector<std::string_view>& names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

}  // namespace

bool expect_scalar(Context& context, const Value& value, std::string_view what) {
  if (value.node->kind == NodeKind::kScalar) return true;
  context.error(value.offset, "expects " + std::string(what) + ", but there is " + describe(value));
  return false;
}

bool expect_unquoted(Context& context, const Value& value, std::string_view what) {
  if (!expect_scalar(context, value, what)) return false;
  if (value.node->is_plain) return true;
  context.error(value.offset, "expects " + std::string(what) + ", but " + quote(value.node->text) +
                                  " is in quotes, which make it text");
  return false;
}

bool expect_kind(Context& context, const Value& value, NodeKind kind, std::string_view what) {
  if (value.node->kind == kind) return true;
  std::string text = "expects " + std::string(kind_name(kind));
  if (kind == NodeKind::kMapping) text = std::string(what) + " is " + std::string(kind_name(kind));
  context.error(value.offset, text + ", but there is " + describe(value));
  return false;
}

void report_unknown_key(Context& context, const Entry& entry, std::string_view owner,
                        const KnownKeys& known) {
  const std::string suggestion = context.suggester().suggest(entry.key, known.words);
  const std::string_view elsewhere = owner_of_key(entry.key, owner);
  std::string text = "unknown key";
  if (!suggestion.empty() && elsewhere.empty()) {
    text += suggestion;
  } else if (!elsewhere.empty()) {
    text += " here: `" + entry.key + "` belongs to " + std::string(elsewhere);
  } else if (entry.value.node->kind == NodeKind::kNull) {
    text += "; is a `:` missing?";
  } else {
    text += "; " + std::string(owner) + " has " + enumerate(known.names);
  }
  context.error(entry.key_offset, std::move(text));
}

void report_repeated_key(Context& context, const Entry& entry, const Entry& first) {
  context.error(entry.key_offset, "given twice: " + quote(first.key) + " and " + quote(entry.key) +
                                      " are the same setting; keep one of them");
}

void report_missing_key(Context& context, Offset offset, std::string_view owner,
                        std::string_view name) {
  context.error(offset, "missing: " + std::string(owner) + " needs " + quote(name));
}

bool is_misspelt_in(const TreeNode& mapping, std::string_view name, const KnownKeys& known) {
  const auto is_near = [&](const Entry& entry) {
    const bool is_known =
        std::find(known.words.begin(), known.words.end(), entry.key) != known.words.end();
    return !is_known && nearest(entry.key, known.words) == name;
  };
  return std::any_of(mapping.entries.begin(), mapping.entries.end(), is_near);
}

}  // namespace sluice::config::detail
