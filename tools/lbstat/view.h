// A view: what `status`, `servers` and the like show, asked for once or again and again.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "lbstat/command_line.h"
#include "lbstat/table.h"
#include "sluice/error.h"

namespace sluice::lbstat {

/// The answers of one view and how to draw them. Keeps the answer before the last for the rates.
class View {
 public:
  View() = default;
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  virtual ~View() = default;

  /// Takes the body of an answer that came at `when`.
  [[nodiscard]] virtual Result<void> take(const std::string& body,
                                          std::chrono::steady_clock::time_point when) = 0;

  /// The last answer as text, with rates from the second one on.
  [[nodiscard]] virtual std::string draw(const Layout& layout) const = 0;
};

[[nodiscard]] std::unique_ptr<View> make_view(Command command);

/// Where the view's rows are: `/v1/servers?backend=shop`.
[[nodiscard]] std::string view_target(const Options& options);

}  // namespace sluice::lbstat
