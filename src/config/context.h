// Where decoding is at the moment, and where it reports to.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/report.h"
#include "config/suggest.h"

namespace sluice::config {

/// One step of a key path: a key, or an index where the key is empty.
struct PathStep {
  std::string_view key;
  std::size_t index = 0;
};

/// `backends[0].servers[1].port`.
[[nodiscard]] std::string to_text(const std::vector<PathStep>& path);

/// Follows the decoder down the tree, so that each remark carries its key path; the path is only
/// spelled out when there is a remark.
class Context {
 public:
  Context(Report& report, std::filesystem::path base_directory)
      : report_(report), base_directory_(std::move(base_directory)) {}

  /// One step down for as long as it lives.
  class Step {
   public:
    Step(Context& context, PathStep step) : context_(context) { context_.path_.push_back(step); }
    ~Step() { context_.path_.pop_back(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Context& context_;
  };

  void error(Offset offset, std::string text);
  /// An error that is not worth a text any more; false if it is.
  [[nodiscard]] bool drop_if_full();
  [[nodiscard]] SourcePosition position(Offset offset) const { return report_.position(offset); }
  [[nodiscard]] Suggester& suggester() { return suggester_; }

  /// A path of the file, made independent of where the file is.
  [[nodiscard]] std::string resolve(const std::string& path) const;

 private:
  Report& report_;
  std::filesystem::path base_directory_;
  std::vector<PathStep> path_;
  Suggester suggester_;
};

}  // namespace sluice::config
