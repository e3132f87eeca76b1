// Puts a Document together from parser events, within the limits, and knows no parser.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"

namespace sluice::config {

/// Identifies an anchor (`&name`) within one document; 0 = none.
using AnchorId = std::size_t;

/// After the first failure every further event is ignored: the parser that sends them cannot be
/// stopped without an exception. What failed is reported by finish(), because the parser may
/// have a better explanation by then.
class TreeBuilder {
 public:
  explicit TreeBuilder(Report& report) : report_(report) {}

  void begin_document(Offset offset);
  void add_null(Offset offset, AnchorId anchor);
  void add_scalar(Offset offset, std::string_view tag, AnchorId anchor, std::string text);
  void add_alias(Offset offset, AnchorId anchor);
  void begin_collection(Offset offset, NodeKind kind, std::string_view tag, AnchorId anchor);
  void end_collection();

  [[nodiscard]] bool has_failed() const { return failure_.has_value(); }

  /// Whether the failure may be the consequence of a syntax error that the parser finds later: to
  /// yaml-cpp a bracket that is never closed looks like a key at first.
  [[nodiscard]] bool is_failure_doubtful() const { return failure_ && failure_->is_doubtful; }

  /// The tree, or nothing and a reported error.
  [[nodiscard]] std::optional<Document> finish();

 private:
  /// A collection that is still open.
  struct Frame {
    TreeNode* node;
    bool has_key = false;      ///< mapping: the next value belongs to `key`
    bool is_repeated = false;  ///< ... which the mapping already has: the value is left out
    std::string key;
    Offset key_offset = 0;
  };

  struct Failure {
    Offset offset;
    std::string path;
    std::string text;
    bool is_doubtful = false;
  };

  void fail_at(Offset offset, std::string text);
  [[nodiscard]] bool is_unclosed_quote(Offset offset) const;
  [[nodiscard]] bool is_acceptable_tag(std::string_view tag) const;
  TreeNode* make_node(Offset offset, NodeKind kind, AnchorId anchor);
  void attach(const TreeNode& node, Offset offset);
  [[nodiscard]] Offset before_blanks(Offset offset) const;
  void attach_key(Frame& frame, const TreeNode& node, Offset offset);
  [[nodiscard]] bool count_expansion(std::uint32_t nodes, Offset offset);
  void merge(TreeNode& mapping);
  void merge_from(TreeNode& mapping, const Value& source);
  [[nodiscard]] std::string path() const;

  Report& report_;
  Document document_;
  std::vector<Frame> open_;
  std::vector<const TreeNode*> anchors_;  ///< by AnchorId
  std::uint32_t expanded_ = 0;
  int document_count_ = 0;
  std::optional<Failure> failure_;
};

}  // namespace sluice::config
