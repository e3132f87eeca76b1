// How errors of a relay's socket calls are classed.
//
// Pure. Any thread.
#pragma once

#include <cerrno>

namespace sluice::proxy {

/// Nothing is wrong: the call is to be made again, as a rule once the socket is ready.
[[nodiscard]] constexpr bool is_retry(int error) noexcept {
  return error == EAGAIN || error == EINTR;
}

/// The same for a call that sends, which also fails while the kernel is short of memory.
[[nodiscard]] constexpr bool is_send_retry(int error) noexcept {
  return is_retry(error) || error == ENOBUFS || error == ENOMEM;
}

/// The other end is gone or out of reach: what networks do. Anything else is unexpected.
[[nodiscard]] constexpr bool is_loss(int error) noexcept {
  switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case EBADMSG:  // the kernel could not open a record of its: the socket is dead both ways
      return true;
    default:
      return false;
  }
}

}  // namespace sluice::proxy
