#include "config/locator.h"

#include <algorithm>
#include <array>

namespace sluice::config {

namespace {

/// Keys that the file may spell in another way; the tables in *_fields.h accept them.
struct Spelling {
  std::string_view name;
  std::string_view alias;
};
constexpr std::array kSpellings = {Spelling{"max_connections", "maxconn"},
                                   Spelling{"policy", "balance"}, Spelling{"passive", "backup"},
                                   Spelling{"passive", "standby"}};

const Entry* find_spelled(const TreeNode& mapping, std::string_view key) {
  if (const Entry* entry = mapping.find(key)) return entry;
  for (const Spelling& spelling : kSpellings) {
    if (spelling.name != key) continue;
    if (const Entry* entry = mapping.find(spelling.alias)) return entry;
  }
  return nullptr;
}

const Entry* child(const TreeNode& node, const PathStep& step) {
  if (step.key.empty()) {
    return node.kind == NodeKind::kSequence && step.index < node.entries.size()
               ? &node.entries[step.index]
               : nullptr;
  }
  return node.kind == NodeKind::kMapping ? find_spelled(node, step.key) : nullptr;
}

/// `frontends[0].tls` is inherited from `defaults.tls`; servers and the top inherit nothing.
Path inherited(const Path& path) {
  constexpr std::size_t kEntrySteps = 2;
  if (path.size() <= kEntrySteps || (path[0].key != "frontends" && path[0].key != "backends")) {
    return {};
  }
  Path out = {{"defaults"}};
  out.insert(out.end(), path.begin() + kEntrySteps, path.end());
  return out;
}

}  // namespace

Locator::Walk Locator::walk(const Path& path) const {
  Walk out;
  out.place = {document_.root.offset, "", document_.root.node};
  Path written;
  for (const PathStep& step : path) {
    const Entry* entry = out.is_complete ? child(*out.place.node, step) : nullptr;
    if (entry == nullptr) {
      out.is_complete = false;
      // A single value stands for a list of one: `listen: *:80` is listen[0].
      if (!step.key.empty() || out.place.node->kind != NodeKind::kScalar) written.push_back(step);
      continue;
    }
    written.push_back(step.key.empty() ? step : PathStep{entry->key});
    out.place.offset = entry->value.offset;
    out.place.node = entry->value.node;
  }
  out.place.key_path = to_text(written);
  return out;
}

Locator::Place Locator::find(const Path& path) const {
  Walk own = walk(path);
  if (own.is_complete) return std::move(own.place);
  if (const Path fallback = inherited(path); !fallback.empty()) {
    Walk from_defaults = walk(fallback);
    if (from_defaults.is_complete) return std::move(from_defaults.place);
  }
  return std::move(own.place);
}

const TreeNode* Locator::own(const Path& path) const {
  const Walk found = walk(path);
  return found.is_complete ? found.place.node : nullptr;
}

bool Locator::is_given(const Path& path) const {
  const Path fallback = inherited(path);
  return walk(path).is_complete || (!fallback.empty() && walk(fallback).is_complete);
}

}  // namespace sluice::config
