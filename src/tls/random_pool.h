// Random bytes for what is public as soon as it is used, or no key: initial vectors, identities,
// numbers.
//
// They come from OpenSSL's generator like any others, but many at once: each call of it asks the
// kernel for the process's number, and runs its cipher for the next state beside the bytes. What
// has been drawn is wiped. Keys are not drawn here. Thread: each has its own. Limits: kBytes are
// held; nothing forks once there are threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::tls {

class RandomPool {
 public:
  static constexpr std::size_t kBytes = 1024;

  RandomPool() = default;
  RandomPool(const RandomPool&) = delete;
  RandomPool& operator=(const RandomPool&) = delete;
  ~RandomPool();

  /// The calling thread's.
  [[nodiscard]] static RandomPool& of_thread() noexcept;

  /// Fills `to`, which is not longer than the pool. False: the generator has failed.
  [[nodiscard]] bool draw(std::span<std::uint8_t> to) noexcept;

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
  std::size_t left_ = 0;  ///< the first of `bytes_` that have not been drawn
};

}  // namespace sluice::tls
