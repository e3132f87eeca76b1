#include "tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <string_view>

#include "base/assert.h"

namespace sluice::tls {
namespace {

using Block = std::array<std::uint8_t, 32>;

/// HMAC-SHA256(chain, label).
Block derive(const Block& chain, std::string_view label) noexcept {
  Block out{};
  const auto* const text = reinterpret_cast<const unsigned char*>(label.data());
  SLUICE_ASSERT(HMAC(EVP_sha256(), chain.data(), static_cast<int>(chain.size()), text, label.size(),
                     out.data(), nullptr) != nullptr);
  return out;
}

TicketKey keys_of(const Block& chain) noexcept {
  TicketKey out;
  const Block name = derive(chain, "ticket name");
  std::copy_n(name.begin(), out.name.size(), out.name.begin());
  out.cipher = derive(chain, "ticket cipher");
  out.mac = derive(chain, "ticket mac");
  return out;
}

}  // namespace

TicketKey::~TicketKey() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

TicketKeys::TicketKeys(base::TimePoint now) : next_step_(now + kPeriod) {
  // Without randomness there is no safe way on; OpenSSL fails only where getrandom(2) does.
  SLUICE_ASSERT(RAND_priv_bytes(chain_.data(), static_cast<int>(chain_.size())) == 1);
  current_ = keys_of(chain_);
  previous_ = current_;
}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(chain_.data(), chain_.size());
}

void TicketKeys::step() noexcept {
  chain_ = derive(chain_, "next");
  previous_ = current_;
  current_ = keys_of(chain_);
  next_step_ += kPeriod;
}

void TicketKeys::advance(base::TimePoint now) noexcept {
  while (now >= next_step_) step();
}

const TicketKey* TicketKeys::find(std::span<const std::uint8_t, 16> name) const noexcept {
  const auto is_named = [&](const TicketKey& key) {
    return std::equal(name.begin(), name.end(), key.name.begin());
  };
  if (is_named(current_)) return &current_;
  return is_named(previous_) ? &previous_ : nullptr;
}

}  // namespace sluice::tls
