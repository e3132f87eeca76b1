#include "config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <streambuf>

#include "config/tree_builder.h"
#include "config/yaml_message.h"

namespace sluice::config {

namespace {

Offset offset_of(const YAML::Mark& mark) {
  return static_cast<Offset>(std::max(mark.pos, 0));
}

/// Passes yaml-cpp's events on.
class Events final : public YAML::EventHandler {
 public:
  explicit Events(TreeBuilder& builder) : builder_(builder) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    builder_.begin_document(offset_of(mark));
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    builder_.add_null(offset_of(mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    builder_.add_alias(offset_of(mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    builder_.add_scalar(offset_of(mark), tag, anchor, text);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    builder_.begin_collection(offset_of(mark), NodeKind::kSequence, tag, anchor);
  }
  void OnSequenceEnd() override { builder_.end_collection(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    builder_.begin_collection(offset_of(mark), NodeKind::kMapping, tag, anchor);
  }
  void OnMapEnd() override { builder_.end_collection(); }

 private:
  TreeBuilder& builder_;
};

/// Lets a stream read the text where it is, without a copy.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // the get area is only read
    setg(begin, begin, begin + text.size());
  }
};

/// False if the text is not well-formed, which is reported then.
bool run_parser(const SourceText& source, TreeBuilder& builder, Report& report) {
  TextBuffer buffer(source.text());
  std::istream stream(&buffer);
  Events events(builder);
  try {
    YAML::Parser parser(stream);
    while (!builder.has_failed() && parser.HandleNextDocument(events)) {
    }
  } catch (const YAML::Exception& error) {
    if (builder.has_failed() && !builder.is_failure_doubtful()) return true;
    const SyntaxError explained = explain_syntax_error(source, offset_of(error.mark), error.msg);
    report.error(explained.offset, "", explained.text);
    return false;
  }
  return true;
}

}  // namespace

const Entry* TreeNode::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

std::string describe(const Value& value) {
  switch (value.node->kind) {
    case NodeKind::kNull:
      return "nothing";
    case NodeKind::kScalar:
      return quote(value.node->text);
    case NodeKind::kMapping:
      return "a mapping";
    case NodeKind::kSequence:
      return "a list";
  }
  return "";
}

std::optional<Document> parse_document(const SourceText& source, Report& report) {
  TreeBuilder builder(report);
  if (!run_parser(source, builder, report)) return std::nullopt;
  return builder.finish();
}

}  // namespace sluice::config
