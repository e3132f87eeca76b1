#include "tls/aead.h"

namespace sluice::tls {
namespace {

constexpr std::array<const char*, 3> kNames = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

const unsigned char* octets(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

int size_of(std::span<const std::byte> bytes) noexcept {
  return static_cast<int>(bytes.size());
}

}  // namespace

Result<Aead> Aead::create() {
  Aead made;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, kNames[i], nullptr);
    for (const bool is_sealer : {true, false}) {
      Keyed& keyed = is_sealer ? made.sealers_[i] : made.openers_[i];
      keyed.context.reset(EVP_CIPHER_CTX_new());
      if (cipher == nullptr || !keyed.context ||
          EVP_CipherInit_ex(keyed.context.get(), cipher, nullptr, nullptr, nullptr,
                            is_sealer ? 1 : 0) != 1) {
        EVP_CIPHER_free(cipher);
        return fail(std::string("OpenSSL does not provide ") + kNames[i]);
      }
    }
    EVP_CIPHER_free(cipher);
  }
  return made;
}

EVP_CIPHER_CTX* Aead::begin(Keyed& keyed, RecordKeys& keys, const Nonce& nonce) noexcept {
  if (keys.id == 0) keys.id = ++last_id_;
  const bool is_new = keyed.key_id != keys.id;
  keyed.key_id = keys.id;
  const bool is_done = EVP_CipherInit_ex(keyed.context.get(), nullptr, nullptr,
                                         is_new ? keys.key.data() : nullptr, nonce.data(), -1) == 1;
  if (!is_done) keyed.key_id = 0;
  return is_done ? keyed.context.get() : nullptr;
}

bool Aead::seal(RecordKeys& keys, const Nonce& nonce, std::span<const std::byte> header,
                const Plaintext& in, std::byte* out) noexcept {
  const auto [bytes, last] = in;
  EVP_CIPHER_CTX* context = begin(sealers_[static_cast<std::size_t>(keys.cipher)], keys, nonce);
  auto* to = reinterpret_cast<unsigned char*>(out);
  int count = 0;
  if (context == nullptr ||
      EVP_EncryptUpdate(context, nullptr, &count, octets(header), size_of(header)) != 1) {
    return false;
  }
  if (!bytes.empty() &&
      EVP_EncryptUpdate(context, to, &count, octets(bytes), size_of(bytes)) != 1) {
    return false;
  }
  to += bytes.size();
  if (!last.empty() && EVP_EncryptUpdate(context, to, &count, octets(last), size_of(last)) != 1) {
    return false;
  }
  to += last.size();
  return EVP_EncryptFinal_ex(context, to, &count) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, to) == 1;
}

bool Aead::open(RecordKeys& keys, const Nonce& nonce, std::span<const std::byte> header,
                std::span<std::byte> bytes) noexcept {
  EVP_CIPHER_CTX* context = begin(openers_[static_cast<std::size_t>(keys.cipher)], keys, nonce);
  auto* at = reinterpret_cast<unsigned char*>(bytes.data());
  const auto size = static_cast<int>(bytes.size() - kTagBytes);
  int count = 0;
  if (context == nullptr ||
      EVP_DecryptUpdate(context, nullptr, &count, octets(header), size_of(header)) != 1) {
    return false;
  }
  if (size > 0 && EVP_DecryptUpdate(context, at, &count, at, size) != 1) return false;
  return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, at + size) == 1 &&
         EVP_DecryptFinal_ex(context, at + size, &count) == 1;
}

}  // namespace sluice::tls
