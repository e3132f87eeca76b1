// What a session of an HTTP frontend has while it relays: the editors of its directions, and what
// they learn.
//
// Made when the relaying begins, outlives both directions. Thread: its worker's.
#pragma once

#include <optional>
#include <string>

#include "proxy/direction.h"
#include "proxy/http_request_editor.h"
#include "proxy/http_response_editor.h"
#include "proxy/relay_plan.h"
#include "wire/http_head.h"

namespace sluice::proxy {

class SessionHttp {
 public:
  /// `line` is the header line that the first answer gets; it may be empty.
  SessionHttp(const wire::RequestHead& request, RequestChanges changes, std::string line);

  /// Puts the editors into directions that have not begun.
  void begin(Direction& upstream, Direction& downstream) noexcept;

  /// After every step of a direction: what HTTP makes of it. An ending where the session cannot go
  /// on.
  [[nodiscard]] std::optional<Ending> follow(Direction& upstream,
                                             const Direction& downstream) noexcept;

  /// Nothing that comes has to be looked at any more, and neither direction has an editor.
  [[nodiscard]] bool is_over() const noexcept { return !requests_ && response_.is_done(); }
  /// The final answer to the first request has not begun.
  [[nodiscard]] bool lacks_answer() const noexcept { return response_.status() == 0; }
  /// Why the session cannot go on, in words; may be null.
  [[nodiscard]] const char* problem() const noexcept;

 private:
  bool is_connect_;
  bool is_answer_told_ = false;
  std::optional<HttpRequestEditor> requests_;
  HttpResponseEditor response_;
};

}  // namespace sluice::proxy
