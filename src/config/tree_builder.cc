#include "config/tree_builder.h"

#include <algorithm>

#include "config/bounds.h"

namespace sluice::config {

namespace {

constexpr std::string_view kMergeKey = "<<";

}  // namespace

void TreeBuilder::begin_document(Offset offset) {
  if (failure_) return;
  if (++document_count_ == 1) return;
  const bool is_marked = report_.source().text().substr(offset).starts_with("---");
  fail_at(offset, is_marked ? "a second YAML document begins here: the configuration is only one"
                            : "this does not continue what stands above: check the indentation");
}

void TreeBuilder::add_null(Offset offset, AnchorId anchor) {
  if (failure_) return;
  if (const TreeNode* node = make_node(offset, NodeKind::kNull, anchor)) attach(*node, offset);
}

void TreeBuilder::add_scalar(Offset offset, std::string_view tag, AnchorId anchor,
                             std::string text) {
  if (failure_) return;
  if (!is_acceptable_tag(tag)) report_.error(offset, path(), "YAML tags are not supported");
  if (is_unclosed_quote(offset)) {
    fail_at(offset, "this quote is never closed");
    return;
  }
  TreeNode* node = make_node(offset, NodeKind::kScalar, anchor);
  if (node == nullptr) return;
  node->is_plain = tag != "!";
  node->text = std::move(text);
  attach(*node, offset);
}

/// yaml-cpp 0.7 takes the end of the file for a quote's end if a line ends before it.
bool TreeBuilder::is_unclosed_quote(Offset offset) const {
  const std::string_view text = report_.source().text();
  const char quote = offset < text.size() ? text[offset] : '\0';
  if (quote != '"' && quote != '\'') return false;
  for (std::size_t at = offset + 1; at < text.size(); ++at) {
    const bool is_doubled = quote == '\'' && text.substr(at).starts_with("''");
    const bool is_escape = quote == '"' && text[at] == '\\';
    if (is_doubled || is_escape) {
      ++at;
    } else if (text[at] == quote) {
      return false;
    }
  }
  return true;
}

void TreeBuilder::add_alias(Offset offset, AnchorId anchor) {
  if (failure_) return;
  const TreeNode* node = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
  const auto is_node = [node](const Frame& frame) { return frame.node == node; };
  if (node == nullptr || std::any_of(open_.begin(), open_.end(), is_node)) {
    fail_at(offset, "this alias refers to a value that contains it");
    return;
  }
  if (count_expansion(node->expanded_size, offset)) attach(*node, offset);
}

void TreeBuilder::begin_collection(Offset offset, NodeKind kind, std::string_view tag,
                                   AnchorId anchor) {
  if (failure_) return;
  if (open_.size() >= kMaxDepth) {
    fail_at(offset, "nested too deeply: more than " + std::to_string(kMaxDepth) +
                        " lists and mappings inside one another");
    return;
  }
  if (!is_acceptable_tag(tag)) report_.error(offset, path(), "YAML tags are not supported");
  TreeNode* node = make_node(offset, kind, anchor);
  if (node == nullptr) return;
  attach(*node, offset);
  Frame frame;
  frame.node = node;
  if (!failure_) open_.push_back(std::move(frame));
}

void TreeBuilder::end_collection() {
  if (failure_) return;
  TreeNode& node = *open_.back().node;
  open_.pop_back();
  if (node.kind == NodeKind::kMapping) merge(node);
  for (const Entry& entry : node.entries) {
    // Every addend was checked against kMaxExpandedNodes, and so was the number of them.
    node.expanded_size += entry.value.node->expanded_size;
  }
}

std::optional<Document> TreeBuilder::finish() {
  if (!failure_ && document_count_ == 0) {
    fail_at(0, "the file is empty: it needs `frontends` and `backends`");
  }
  if (!failure_) return std::move(document_);
  report_.error(failure_->offset, std::move(failure_->path), std::move(failure_->text));
  return std::nullopt;
}

void TreeBuilder::fail_at(Offset offset, std::string text) {
  failure_ = {offset, path(), std::move(text)};
}

bool TreeBuilder::is_acceptable_tag(std::string_view tag) const {
  return tag.empty() || tag == "?" || tag == "!";  // none given; "!" marks a quoted scalar
}

TreeNode* TreeBuilder::make_node(Offset offset, NodeKind kind, AnchorId anchor) {
  if (document_.nodes.size() >= kMaxNodes) {
    fail_at(offset, "too large: more than " + std::to_string(kMaxNodes) + " keys and values");
    return nullptr;
  }
  TreeNode& node = document_.nodes.emplace_back();
  node.kind = kind;
  if (anchor != 0) {
    if (anchor >= anchors_.size()) anchors_.resize(anchor + 1, nullptr);
    anchors_[anchor] = &node;
  }
  return &node;
}

void TreeBuilder::attach(const TreeNode& node, Offset offset) {
  if (open_.empty()) {
    document_.root = {&node, offset};
    return;
  }
  Frame& frame = open_.back();
  if (frame.node->kind == NodeKind::kSequence) {
    const Offset place = node.kind == NodeKind::kNull ? before_blanks(offset) : offset;
    frame.node->entries.push_back({"", 0, {&node, place}});
    return;
  }
  if (!frame.has_key) {
    attach_key(frame, node, offset);
    return;
  }
  frame.has_key = false;
  if (frame.is_repeated) return;
  // A scalar is looked for where it stands, everything larger (and nothing at all) at its key.
  const Offset place = node.kind == NodeKind::kScalar ? offset : frame.key_offset;
  frame.node->entries.push_back({frame.key, frame.key_offset, {&node, place}});
}

/// yaml-cpp places nothing at the next token, which may be lines away; its `-` is a better place.
Offset TreeBuilder::before_blanks(Offset offset) const {
  const std::string_view before = report_.source().text().substr(0, offset);
  const std::size_t last = before.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? offset : static_cast<Offset>(last);
}

void TreeBuilder::attach_key(Frame& frame, const TreeNode& node, Offset offset) {
  if (node.kind != NodeKind::kScalar) {
    fail_at(offset,
            node.kind == NodeKind::kNull
                ? "a key is missing here"
                : "a key must be a word, not a list or a mapping: is a bracket not closed?");
    failure_->is_doubtful = true;
    return;
  }
  frame.key = node.text;
  frame.key_offset = offset;
  frame.has_key = true;
  const Entry* first = frame.node->find(frame.key);
  frame.is_repeated = first != nullptr;
  if (first != nullptr) {
    const int line = report_.position(first->key_offset).line;
    report_.error(offset, path(), "duplicate key, first given in line " + std::to_string(line));
  } else if (frame.node->entries.size() >= kMaxKeys) {
    fail_at(offset, "a mapping with more than " + std::to_string(kMaxKeys) +
                        " keys: is a list (`- `) meant?");
  }
}

bool TreeBuilder::count_expansion(std::uint32_t nodes, Offset offset) {
  if (nodes > kMaxExpandedNodes - expanded_) {
    fail_at(offset, "the aliases (`*name`) of this file expand to more than " +
                        std::to_string(kMaxExpandedNodes) + " values");
    return false;
  }
  expanded_ += nodes;
  return true;
}

/// `<<: *name` or `<<: [*a, *b]`: entries that the mapping does not have itself are taken over
/// (yaml.org/type/merge.html).
void TreeBuilder::merge(TreeNode& mapping) {
  const auto found = std::find_if(mapping.entries.begin(), mapping.entries.end(),
                                  [](const Entry& entry) { return entry.key == kMergeKey; });
  if (found == mapping.entries.end()) return;
  const Value source = found->value;
  mapping.entries.erase(found);
  if (source.node->kind != NodeKind::kSequence) {
    merge_from(mapping, source);
    return;
  }
  for (const Entry& item : source.node->entries) merge_from(mapping, item.value);
}

void TreeBuilder::merge_from(TreeNode& mapping, const Value& source) {
  if (source.node->kind != NodeKind::kMapping) {
    report_.error(source.offset, path(), "`<<` takes a mapping: `<<: *name`");
    return;
  }
  for (const Entry& entry : source.node->entries) {
    if (mapping.find(entry.key) != nullptr) continue;
    if (mapping.entries.size() >= kMaxKeys) return;
    if (!count_expansion(entry.value.node->expanded_size, source.offset)) return;
    mapping.entries.push_back(entry);
  }
}

/// The path of the value that comes next, or of the key that was just met.
std::string TreeBuilder::path() const {
  std::string out;
  for (const Frame& frame : open_) {
    const bool is_innermost = &frame == &open_.back();
    if (frame.node->kind == NodeKind::kSequence) {
      const std::size_t count = frame.node->entries.size();
      out += '[' + std::to_string(is_innermost ? count : count - 1) + ']';
    } else if (frame.has_key || !is_innermost) {
      out += (out.empty() ? "" : ".") + frame.key;
    }
  }
  return out;
}

}  // namespace sluice::config
