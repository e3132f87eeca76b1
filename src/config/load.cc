#include "config/load.h"

#include <exception>
#include <utility>

#include "config/bounds.h"
#include "config/certificates.h"
#include "config/cookie_key.h"
#include "config/read_file.h"
#include "config/schema.h"
#include "config/text_check.h"
#include "config/validate.h"

namespace sluice::config {

namespace {

Loaded refused(const std::filesystem::path& file, std::string text) {
  // About the file as a whole; 1:1 so that editors and scripts find a place in every line.
  return {std::nullopt, {{file.string(), 1, 1, Severity::kError, "", std::move(text)}}};
}

/// Decodes and checks; the result is usable if the report has no errors.
std::optional<Config> build(const SourceText& source, const std::filesystem::path& file,
                            Report& report) {
  if (!check_text(source, report)) return std::nullopt;
  const std::optional<Document> document = parse_document(source, report);
  if (!document) return std::nullopt;
  if (document->root.node->kind != NodeKind::kMapping) {
    report.error(document->root.offset, "",
                 "the configuration is a mapping with the keys `frontends` and `backends`, but "
                 "there is " +
                     describe(document->root));
    return std::nullopt;
  }
  Context context(report, file.parent_path());
  Config config = decode_config(*document, context);
  const Locator locator(*document);
  apply_dependent_defaults(config, locator);
  Checker checker(config, locator, report);
  validate(checker);
  check_certificates(checker);
  check_cookie_keys(checker);
  return config;
}

}  // namespace

Loaded load_text(std::string text, const std::filesystem::path& file) noexcept {
  try {
    const SourceText source(std::move(text));
    Report report(file.string(), source);
    std::optional<Config> config = build(source, file, report);
    if (report.has_errors()) config.reset();
    return {std::move(config), report.take()};
  } catch (const std::exception& error) {  // memory, file names: nothing of ours throws
    return refused(file, std::string("cannot be checked: ") + error.what());
  }
}

Loaded load(const std::filesystem::path& file) noexcept {
  try {
    Result<std::string> text = read_file(file, kMaxFileBytes);
    if (!text) return refused(file, "the file " + text.error().text);
    return load_text(std::move(*text), file);
  } catch (const std::exception& error) {
    return refused(file, std::string("cannot be read: ") + error.what());
  }
}

}  // namespace sluice::config
