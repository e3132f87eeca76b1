// Whether a direction with TLS goes through the kernel's TLS layer, or why not: pure.
//
// A direction goes as a whole: every end of it that speaks TLS moves into the kernel, or none does,
// since what the kernel gains is that bytes go from socket to socket without coming to user space.
// It never comes back; what is learned on the way (the kernel refuses a key) stays its reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "stats/counters.h"
#include "tls/ktls_ability.h"

namespace sluice::proxy {

/// Why bytes come to user space; kNone: they do not, the gear is the kernel's.
enum class UserReason : std::uint8_t {
  kNone,
  kShortSession,  ///< not bulk, or not yet
  kOff,           ///< `ktls: off`
  kNoModule,      ///< the kernel has no tls module loaded
  kCipher,        ///< not with this version and cipher on this kernel
  kFragment,      ///< max_fragment_length was agreed on, which the kernel does not know
  kEdited,        ///< an HTTP head is looked at or changed on the way
  kEnding,        ///< the connection was half closed before it could move
  kRefused,       ///< the kernel did not take the key
};
inline constexpr std::size_t kUserReasonCount = 9;

/// `short session`: as in `user (short session)`.
[[nodiscard]] std::string_view to_string(UserReason reason) noexcept;

/// `ktls`, or `user` with its reason.
[[nodiscard]] std::string gear_text(UserReason reason);
/// Of both directions: once where they are alike, else client to server, server to client.
[[nodiscard]] std::string gear_text(UserReason in, UserReason out);

/// What decides.
struct GearFacts {
  tls::KtlsUse use = tls::KtlsUse::kNever;
  bool has_module = false;
  bool has_ciphers = false;  ///< the kernel knows those of all ends
  bool is_fragmented = false;
  bool is_edited = false;
  bool is_bulk = false;
};

/// kNone: the direction is to be in the kernel.
[[nodiscard]] UserReason choose_gear(const GearFacts& facts) noexcept;

/// What installing a key has failed with.
[[nodiscard]] UserReason classify_refusal(int error) noexcept;

/// Directions by where they ended.
class GearCounters {
 public:
  void count(UserReason reason) noexcept { counts_[static_cast<std::size_t>(reason)].add(1); }
  [[nodiscard]] std::uint64_t value(UserReason reason) const noexcept {
    return counts_[static_cast<std::size_t>(reason)].value();
  }

 private:
  std::array<stats::Counter, kUserReasonCount> counts_;
};

}  // namespace sluice::proxy
