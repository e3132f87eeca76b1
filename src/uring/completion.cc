#include "uring/completion.h"

#include <liburing.h>

namespace sluice::uring {

bool Outcome::has_more() const noexcept {
  return (flags & IORING_CQE_F_MORE) != 0;
}
bool Outcome::has_buffer() const noexcept {
  return (flags & IORING_CQE_F_BUFFER) != 0;
}
bool Outcome::has_next() const noexcept {
  return has_more() && (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
}
std::uint16_t Outcome::buffer() const noexcept {
  return static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
}

}  // namespace sluice::uring
