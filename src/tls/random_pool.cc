#include "tls/random_pool.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/assert.h"

namespace sluice::tls {

RandomPool::~RandomPool() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

RandomPool& RandomPool::of_thread() noexcept {
  static thread_local RandomPool pool;
  return pool;
}

bool RandomPool::draw(std::span<std::uint8_t> to) noexcept {
  SLUICE_ASSERT(to.size() <= kBytes);
  if (left_ < to.size()) {
    left_ = 0;
    if (RAND_bytes(bytes_.data(), static_cast<int>(bytes_.size())) != 1) return false;
    left_ = kBytes;
  }
  left_ -= to.size();
  const auto drawn = std::span(bytes_).subspan(left_, to.size());
  std::copy(drawn.begin(), drawn.end(), to.begin());
  OPENSSL_cleanse(drawn.data(), drawn.size());
  return true;
}

}  // namespace sluice::tls
