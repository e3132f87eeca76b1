#include "proxy/tls_gear.h"

#include <cerrno>

namespace sluice::proxy {

std::string_view to_string(UserReason reason) noexcept {
  static constexpr std::array<std::string_view, kUserReasonCount> kNames = {
      "",
      "short session",
      "off",
      "no tls module",
      "cipher",
      "max_fragment_length",
      "http",
      "half closed",
      "refused by the kernel"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::string gear_text(UserReason reason) {
  if (reason == UserReason::kNone) return "ktls";
  return "user (" + std::string(to_string(reason)) + ')';
}

std::string gear_text(UserReason in, UserReason out) {
  return in == out ? gear_text(in) : gear_text(in) + '/' + gear_text(out);
}

UserReason choose_gear(const GearFacts& facts) noexcept {
  if (facts.use == tls::KtlsUse::kNever) return UserReason::kOff;
  if (!facts.has_module) return UserReason::kNoModule;
  if (!facts.has_ciphers) return UserReason::kCipher;
  if (facts.is_fragmented) return UserReason::kFragment;
  // With an editor nothing can be spliced, and the kernel's records cost more than ours.
  if (facts.is_edited) return UserReason::kEdited;
  const bool is_time = facts.use == tls::KtlsUse::kAlways || facts.is_bulk;
  return is_time ? UserReason::kNone : UserReason::kShortSession;
}

UserReason classify_refusal(int error) noexcept {
  switch (error) {
    case ENOTCONN:
      return UserReason::kEnding;
    case ENOENT:
      return UserReason::kCipher;  // its own module is not loaded
    default:
      return UserReason::kRefused;
  }
}

}  // namespace sluice::proxy
