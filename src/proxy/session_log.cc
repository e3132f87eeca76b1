#include "proxy/session_log.h"

#include <bit>

#include "base/assert.h"

namespace sluice::proxy {

SessionLog::SessionLog(std::size_t capacity) : records_(capacity) {
  SLUICE_ASSERT(std::has_single_bit(capacity));
}

void SessionLog::push(const SessionRecord& record) noexcept {
  const std::size_t written = written_.load(std::memory_order_relaxed);
  if (written - read_.load(std::memory_order_acquire) == records_.size()) {
    drops_.add(1);
    return;
  }
  records_[written % records_.size()] = record;
  written_.store(written + 1, std::memory_order_release);
}

std::optional<SessionRecord> SessionLog::pop() noexcept {
  const std::size_t read = read_.load(std::memory_order_relaxed);
  if (read == written_.load(std::memory_order_acquire)) return std::nullopt;
  const SessionRecord record = records_[read % records_.size()];
  read_.store(read + 1, std::memory_order_release);
  return record;
}

}  // namespace sluice::proxy
