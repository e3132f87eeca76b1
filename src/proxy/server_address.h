// Where a server is now: the one value of a compiled table that may change while the table is in
// force, because a host name has got another address.
//
// Not one thread's: the control thread writes, workers read, without a lock. A reader that meets a
// writer reads again (the version is odd while the words change); writes come seconds apart.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "sluice/address.h"

namespace sluice::proxy {

class ServerAddress {
 public:
  /// Unspecified: nobody knows yet.
  ServerAddress() noexcept { set(Endpoint()); }
  ServerAddress(const ServerAddress&) = delete;
  ServerAddress& operator=(const ServerAddress&) = delete;

  /// Control thread.
  void set(const Endpoint& address) noexcept {
    Words words{};
    std::memcpy(words.data(), static_cast<const void*>(&address), sizeof address);
    const std::uint32_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < words.size(); ++i) {
      words_[i].store(words[i], std::memory_order_release);  // not before the odd version
    }
    version_.store(version + 2, std::memory_order_release);
  }

  /// Any thread.
  [[nodiscard]] Endpoint get() const noexcept {
    for (;;) {
      const std::uint32_t before = version_.load(std::memory_order_acquire);
      Words words{};
      for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = words_[i].load(std::memory_order_acquire);  // the version is looked at after it
      }
      if (before % 2 != 0 || version_.load(std::memory_order_relaxed) != before) continue;
      Endpoint address;
      std::memcpy(static_cast<void*>(&address), words.data(), sizeof address);
      return address;
    }
  }
  operator Endpoint() const noexcept { return get(); }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] std::string to_string() const { return get().to_string(); }

 private:
  static_assert(std::is_trivially_copyable_v<Endpoint>);
  using Words = std::array<std::uint64_t, (sizeof(Endpoint) + 7) / 8>;

  std::atomic<std::uint32_t> version_{0};
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words_{};
};

}  // namespace sluice::proxy
