#include "proxy/pipe_pool.h"

#include <utility>

#include "base/assert.h"

namespace sluice::proxy {

PipePool::PipePool(std::size_t limit) : limit_(limit) {
  idle_.reserve(limit);
}

sys::Pipe PipePool::borrow() noexcept {
  if (!idle_.empty()) {
    sys::Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  sys::Pipe pipe;
  if (open_pipes_.value() < limit_) pipe = sys::Pipe::open(kPipeBytes);
  if (pipe.is_open()) {
    open_pipes_.set(open_pipes_.value() + 1);
  } else {
    shortages_.add(1);
  }
  return pipe;
}

void PipePool::give_back(sys::Pipe pipe) noexcept {
  SLUICE_ASSERT(pipe.is_open());
  SLUICE_ASSERT(idle_.size() < limit_);
  idle_.push_back(std::move(pipe));
}

void PipePool::discard(sys::Pipe pipe) noexcept {
  SLUICE_ASSERT(pipe.is_open());
  SLUICE_ASSERT(open_pipes_.value() > 0);
  open_pipes_.set(open_pipes_.value() - 1);
}

}  // namespace sluice::proxy
