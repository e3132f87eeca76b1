// A YAML text as a tree of our own in which every value knows its place.
//
// document.cc is the only file that knows yaml-cpp; its exceptions stop there. The tree is
// limited (bounds.h) and free of cycles; aliases share the node they refer to, merge keys (`<<`)
// are already merged, duplicate keys are already reported.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"
#include "config/source_text.h"

namespace sluice::config {

enum class NodeKind : std::uint8_t { kNull, kScalar, kMapping, kSequence };

struct TreeNode;

/// A node at a place. `offset` is where a person would look for it: a scalar's or an alias's first
/// character, but the key of a mapping, a list or of nothing.
struct Value {
  const TreeNode* node = nullptr;
  Offset offset = 0;
};

/// A key and its value; an item of a list has no key.
struct Entry {
  std::string key;
  Offset key_offset = 0;
  Value value;
};

struct TreeNode {
  NodeKind kind = NodeKind::kNull;
  bool is_plain = false;            ///< scalar without quotes
  std::uint32_t expanded_size = 1;  ///< nodes from here down, aliases followed
  std::string text;                 ///< scalar
  std::vector<Entry> entries;       ///< mapping or sequence

  /// The entry of a mapping with this key, or null.
  [[nodiscard]] const Entry* find(std::string_view key) const;
};

/// What stands in the value's place, for messages: "a list", "`abc`".
[[nodiscard]] std::string describe(const Value& value);

/// The tree owns its nodes; movable.
struct Document {
  std::deque<TreeNode> nodes;
  Value root;
};

/// Parses the text, which check_text() must have accepted. Nothing if it is not well-formed or too
/// large; the report then has the error. Duplicate keys are reported, the tree is complete then.
[[nodiscard]] std::optional<Document> parse_document(const SourceText& source, Report& report);

}  // namespace sluice::config
