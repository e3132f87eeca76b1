#include "config/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/locator.h"

namespace sluice::config {
namespace {

using testing::HasSubstr;

/// A parsed text and what was said about it.
struct ParsedDocument {
  explicit ParsedDocument(std::string text) : source(std::move(text)), report("f", source) {
    document = parse_document(source, report);
    diagnostics = report.take();
  }

  [[nodiscard]] std::string first() const {
    return diagnostics.empty() ? "" : diagnostics.front().to_string();
  }

  SourceText source;
  Report report;
  std::optional<Document> document;
  Diagnostics diagnostics;
};

const Entry& entry(const ParsedDocument& parsed, std::string_view key) {
  return *parsed.document->root.node->find(key);
}

TEST(Document, KeepsKeysValuesAndPlaces) {
  const ParsedDocument parsed("a: 1\nb: [x, 'y']\nc: {d: e}\n");
  ASSERT_TRUE(parsed.document);
  EXPECT_TRUE(parsed.diagnostics.empty());
  EXPECT_EQ(entry(parsed, "a").value.node->text, "1");
  EXPECT_EQ(entry(parsed, "a").key_offset, 0U);
  EXPECT_EQ(entry(parsed, "a").value.offset, 3U);
  const TreeNode& list = *entry(parsed, "b").value.node;
  ASSERT_EQ(list.entries.size(), 2U);
  EXPECT_TRUE(list.entries[0].value.node->is_plain);
  EXPECT_FALSE(list.entries[1].value.node->is_plain);
  EXPECT_EQ(list.entries[1].value.offset, 12U);
  EXPECT_EQ(entry(parsed, "c").value.offset, entry(parsed, "c").key_offset);
}

TEST(Document, PlacesAreBytesAlsoBehindOtherScripts) {
  const ParsedDocument parsed("\xC3\xA9: \xE2\x82\xAC\r\nb: 1\r\n");
  ASSERT_TRUE(parsed.document);
  EXPECT_EQ(entry(parsed, "b").key_offset, 9U);
  EXPECT_EQ(parsed.source.position(entry(parsed, "b").value.offset).line, 2);
  EXPECT_EQ(parsed.source.position(entry(parsed, "b").value.offset).column, 4);
}

TEST(Document, SharesAliases) {
  const ParsedDocument parsed("a: &x {b: 1}\nc: *x\n");
  ASSERT_TRUE(parsed.document);
  EXPECT_EQ(entry(parsed, "a").value.node, entry(parsed, "c").value.node);
}

TEST(Document, MergesWhatIsNotThere) {
  const ParsedDocument parsed("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3, e: 4}\n");
  ASSERT_TRUE(parsed.document);
  const TreeNode& merged = *entry(parsed, "d").value.node;
  EXPECT_EQ(merged.find("b")->value.node->text, "1");
  EXPECT_EQ(merged.find("c")->value.node->text, "3");
  EXPECT_EQ(merged.find("e")->value.node->text, "4");
  EXPECT_EQ(merged.find("<<"), nullptr);
}

TEST(Document, MergesAListInItsOrder) {
  const ParsedDocument parsed("a: &x {c: 1}\nb: &y {c: 2, d: 2}\ne: {<<: [*x, *y]}\n");
  ASSERT_TRUE(parsed.document);
  const TreeNode& merged = *entry(parsed, "e").value.node;
  EXPECT_EQ(merged.find("c")->value.node->text, "1");
  EXPECT_EQ(merged.find("d")->value.node->text, "2");
}

TEST(Document, KeepsTheFirstOfDuplicateKeys) {
  const ParsedDocument parsed("a:\n  - b: 1\n    b: 2\n");
  ASSERT_TRUE(parsed.document);
  EXPECT_EQ(parsed.first(), "f:3:5: error: a[0].b: duplicate key, first given in line 2");
  EXPECT_EQ(entry(parsed, "a").value.node->entries[0].value.node->find("b")->value.node->text, "1");
}

TEST(Document, RefusesCycles) {
  EXPECT_THAT(ParsedDocument("a: &x [*x]\n").first(), HasSubstr("contains it"));
  EXPECT_THAT(ParsedDocument("a: &x {b: {c: *x}}\n").first(), HasSubstr("contains it"));
  EXPECT_THAT(ParsedDocument("a: &x {<<: *x}\n").first(), HasSubstr("contains it"));
}

TEST(Document, RefusesAliasBombs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int j = 0; j < 9; ++j) text += ", " + alias;
    text += "]\n";
  }
  EXPECT_THAT(ParsedDocument(text).first(), HasSubstr("expand to more than"));
}

TEST(Document, RefusesDepth) {
  const std::string good(31, '[');
  EXPECT_TRUE(ParsedDocument("a: " + good + std::string(31, ']')).document);
  EXPECT_FALSE(ParsedDocument("a: [" + good + std::string(32, ']')).document);
}

TEST(Document, RefusesHugeMappings) {
  std::string text;
  for (int i = 0; i < 201; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(ParsedDocument(text).first(),
              HasSubstr("f:201:1: error: k200: a mapping with more than"));
}

TEST(Document, RefusesTags) {
  EXPECT_THAT(ParsedDocument("a: !!int 3\n").first(), HasSubstr("f:1:4: error: a: YAML tags"));
}

TEST(Document, ExplainsSyntaxErrors) {
  EXPECT_THAT(ParsedDocument("a:\n\t- b: c\n").first(), HasSubstr("f:2:1: error: a tab"));
  EXPECT_THAT(ParsedDocument("a: 'b\n").first(),
              HasSubstr("f:1:4: error: a: this quote is never closed"));
  EXPECT_THAT(ParsedDocument("it's: \"b\n").first(), HasSubstr("f:1:7: error: it's: this quote"));
  EXPECT_THAT(ParsedDocument("a: [b, {c: d}\n").first(),
              HasSubstr("the file ends inside brackets"));
  EXPECT_THAT(ParsedDocument("a: [::]:80\n").first(), HasSubstr("IPv6 address needs quotes"));
  EXPECT_THAT(ParsedDocument("a: *:80\n").first(),
              HasSubstr("f:1:4: error: `*` begins a YAML alias"));
}

TEST(Document, FallsBackToTheParsersWords) {
  EXPECT_THAT(ParsedDocument("a: &b &c d\n").first(), HasSubstr("not valid YAML: cannot assign"));
}

TEST(Locator, FindsEntriesAliasesAndDefaults) {
  const ParsedDocument parsed(
      "defaults: {retries: 1, timeouts: {idle: 1s}}\n"
      "backends:\n"
      "  - {name: a, balance: first, timeouts: {connect: 1s}}\n"
      "  - name: b\n");
  ASSERT_TRUE(parsed.document);
  const Locator locator(*parsed.document);
  EXPECT_EQ(locator.find(make_path("backends", 0, "policy")).key_path, "backends[0].balance");
  EXPECT_EQ(locator.find(make_path("backends", 1, "retries")).key_path, "defaults.retries");
  EXPECT_EQ(locator.find(make_path("backends", 0, "timeouts", "idle")).key_path,
            "defaults.timeouts.idle");
  EXPECT_EQ(locator.find(make_path("backends", 1, "servers")).key_path, "backends[1].servers");
  EXPECT_TRUE(locator.is_given(make_path("backends", 1, "retries")));
  EXPECT_FALSE(locator.is_given(make_path("backends", 1, "servers")));
  EXPECT_EQ(locator.own(make_path("backends", 1, "retries")), nullptr);
}

TEST(Locator, TakesASingleValueForAListOfOne) {
  const ParsedDocument parsed("frontends:\n  - listen: a\n");
  const Locator locator(*parsed.document);
  const Locator::Place place = locator.find(make_path("frontends", 0, "listen", 0));
  EXPECT_EQ(place.key_path, "frontends[0].listen");
  EXPECT_EQ(parsed.source.position(place.offset).column, 13);
}

}  // namespace
}  // namespace sluice::config
