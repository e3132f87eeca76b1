// What the HTTP head stage has found out about a session's first request.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/byte_editor.h"
#include "wire/http_head.h"

namespace sluice::proxy {

struct HttpFindings {
  /// The client's bytes in plaintext: the first request's head, and what was read behind it.
  /// Empties when they begin their way to the server.
  ByteString request;
  std::size_t head_size = 0;  ///< 0: the head is not complete
  wire::RequestHead head;
  int refusal = 0;  ///< the status to answer with when the head fails; 0 = none

  [[nodiscard]] std::string_view head_text() const noexcept {
    return {reinterpret_cast<const char*>(request.data()), head_size};
  }
};

}  // namespace sluice::proxy
