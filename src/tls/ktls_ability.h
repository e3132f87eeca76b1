// What the kernel's TLS layer can do on this machine, found out once at the start, and when it is
// to be used.
//
// Values without I/O; `ktls_probe.h` finds them. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tls/ktls.h"
#include "tls/secrets.h"

namespace sluice::tls {

/// When a direction of a session goes into the kernel.
enum class KtlsUse : std::uint8_t {
  kNever,   ///< `ktls: off`
  kBulk,    ///< `auto`: once it has proved to be bulk
  kAlways,  ///< `on`: from the end of the handshake
};

struct KtlsAbility {
  bool has_module = false;
  /// A key may be replaced by the next one, as KeyUpdate needs it (Linux 6.14).
  bool can_rekey = false;
  std::array<std::array<std::array<bool, 2>, 3>, 2> parts{};  ///< version, cipher, half

  [[nodiscard]] constexpr bool has(Version version, Cipher cipher, Half half) const noexcept {
    return parts[static_cast<std::size_t>(version)][static_cast<std::size_t>(cipher)]
                [static_cast<std::size_t>(half)];
  }
  constexpr void allow(Version version, Cipher cipher, Half half) noexcept {
    parts[static_cast<std::size_t>(version)][static_cast<std::size_t>(cipher)]
         [static_cast<std::size_t>(half)] = true;
  }
  /// Whether there is anything that it can do.
  [[nodiscard]] constexpr bool has_any() const noexcept {
    for (const auto& version : parts) {
      for (const auto& cipher : version) {
        if (cipher[0] || cipher[1]) return true;
      }
    }
    return false;
  }
};

/// What the worker that holds this goes by.
struct KtlsPolicy {
  KtlsUse use = KtlsUse::kNever;
  KtlsAbility ability;
};

}  // namespace sluice::tls
