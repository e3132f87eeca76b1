#include "tls/handshake.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "tls/tickets.h"

namespace sluice::tls {
namespace {

// Content types of records (RFC 8446 section 5.1).
constexpr std::uint8_t kChangeCipherSpec = 20;
constexpr std::uint8_t kApplicationData = 23;

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kExplicitNonce = 8;

int index_of_handshake() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int hex_digit(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return 0;
}

/// The explicit nonce of the last record in `stream`, which consists of whole records (RFC 5288
/// section 3).
std::uint64_t last_explicit_nonce(std::span<const std::byte> stream) noexcept {
  std::uint64_t nonce = 0;
  while (stream.size() >= kRecordHeader) {
    const auto length =
        static_cast<std::size_t>(stream[3]) << 8 | static_cast<std::size_t>(stream[4]);
    const auto body = stream.subspan(kRecordHeader);
    if (length > body.size()) break;
    if (length >= kExplicitNonce) {
      nonce = 0;
      for (std::size_t i = 0; i < kExplicitNonce; ++i) {
        nonce = nonce << 8 | static_cast<std::uint64_t>(body[i]);
      }
    }
    stream = body.subspan(length);
  }
  return nonce;
}

/// The most specific common name of its subject, which comes last (RFC 4514 section 2.1).
std::string name_in(const X509& certificate) {
  const X509_NAME* const subject = X509_get_subject_name(&certificate);
  int place = -1;
  for (int next = -1; (next = X509_NAME_get_index_by_NID(subject, NID_commonName, next)) >= 0;) {
    place = next;
  }
  if (place < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return name;
}

}  // namespace

/// What OpenSSL calls.
struct Handshake::Callbacks {
  static int read(BIO* bio, char* out, int wanted) noexcept {
    auto& self = *static_cast<Handshake*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self.input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t count = std::min(self.input_.size(), static_cast<std::size_t>(wanted));
    std::memcpy(out, self.input_.data(), count);
    self.input_ = self.input_.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* bytes, int count) noexcept {
    auto& self = *static_cast<Handshake*>(BIO_get_data(bio));
    const auto* const first = reinterpret_cast<const std::byte*>(bytes);
    self.output_.insert(self.output_.end(), first, first + count);
    return count;
  }

  static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) noexcept {
    if (command == BIO_CTRL_FLUSH) static_cast<Handshake*>(BIO_get_data(bio))->on_flush();
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
  }

  static BIO_METHOD* method() noexcept {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice");
      BIO_meth_set_read(fresh, &Callbacks::read);
      BIO_meth_set_write(fresh, &Callbacks::write);
      BIO_meth_set_ctrl(fresh, &Callbacks::control);
      return fresh;
    }();
    return made;
  }

  static Handshake* owner(const SSL* ssl) noexcept {
    return static_cast<Handshake*>(SSL_get_ex_data(ssl, index_of_handshake()));
  }

  // NOLINTNEXTLINE(readability-function-size): the parameters are OpenSSL's
  static void on_message(int is_written, int /*version*/, int content_type, const void* bytes,
                         std::size_t size, SSL* ssl, void* /*argument*/) noexcept {
    Handshake* const self = owner(ssl);
    if (size == 0 || self == nullptr) return;
    const auto first = *static_cast<const std::uint8_t*>(bytes);
    if (content_type == SSL3_RT_HANDSHAKE && first == SSL3_MT_FINISHED) listen_for_secrets(*ssl);
    if (content_type != SSL3_RT_HEADER) return;
    SessionSecrets& secrets = self->secrets_;
    self->note_record(is_written != 0 ? secrets.transmit : secrets.receive, first);
  }

  /// OpenSSL spells each secret with a printf for every byte, of which we want two out of five: the
  /// one that each Finished of TLS 1.3 leads to. So the context has the callback only then, which
  /// is within one call of SSL_do_handshake().
  static void listen_for_secrets(SSL& ssl) noexcept {
    if (SSL_version(&ssl) != TLS1_3_VERSION) return;
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(&ssl), &Callbacks::on_key_log);
  }

  /// A line is LABEL, the client's random, the secret, the last two in hex (NSS Key Log Format).
  static void on_key_log(const SSL* ssl, const char* line) noexcept {
    Handshake* const self = owner(ssl);
    if (self == nullptr) return;
    const std::string_view text(line);
    const std::size_t first = text.find(' ');
    const std::size_t last = text.rfind(' ');
    if (first == std::string_view::npos || first == last) return;
    if (!self->note_secret(text.substr(0, first), text.substr(last + 1))) return;
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), nullptr);
  }
};

Handshake::Handshake(Ssl ssl) : ssl_(std::move(ssl)) {
  Bio bio(ssl_ != nullptr ? BIO_new(Callbacks::method()) : nullptr);
  if (bio == nullptr) {
    fail(Failure::kMemory, "out of memory");
    return;
  }
  BIO_set_data(bio.get(), this);
  BIO_set_init(bio.get(), 1);
  SSL_set_bio(ssl_.get(), bio.get(), bio.get());
  static_cast<void>(bio.release());  // the SSL object's, both ends of it
  SSL_set_ex_data(ssl_.get(), index_of_handshake(), this);
  role_ = SSL_is_server(ssl_.get()) == 1 ? Role::kServer : Role::kClient;
}

Handshake::~Handshake() = default;

void Handshake::prepare(SSL_CTX& context) noexcept {
  SSL_CTX_set_msg_callback(&context, &Callbacks::on_message);
}

void Handshake::explain(const SSL& ssl, const char* reason) noexcept {
  if (Handshake* const self = Callbacks::owner(&ssl); self != nullptr) self->refusal_ = reason;
}

std::span<const std::byte> Handshake::output() const noexcept {
  return std::span(output_).subspan(sent_);
}

void Handshake::consume_output(std::size_t count) noexcept {
  SLUICE_ASSERT(count <= output_.size() - sent_);
  sent_ += count;
}

Handshake::Status Handshake::advance(std::span<const std::byte> bytes) noexcept {
  if (status_ != Status::kWorking) return status_;
  taken_ += bytes.size();
  if (taken_ > kMaxInput) {
    fail(Failure::kProtocol, "the handshake is too long");
    return status_;
  }
  input_ = bytes;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    finish();
  } else if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
    fail_by_openssl();
  }
  input_ = {};
  return status_;
}

void Handshake::on_flush() noexcept {
  const bool is_flight = SSL_get_state(ssl_.get()) != TLS_ST_SW_SESSION_TICKET;
  if (sender_ != nullptr && is_flight && !output().empty()) sender_->on_flight();
}

void Handshake::fail(Failure failure, std::string reason) {
  status_ = Status::kFailed;
  failure_ = failure;
  reason_ = std::move(reason);
  ERR_clear_error();
  ssl_.reset();
}

void Handshake::fail_by_openssl() {
  if (refusal_ != nullptr) return fail(Failure::kProtocol, refusal_);
  const long verdict = SSL_get_verify_result(ssl_.get());
  const bool is_verify = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const bool is_missing =
      ERR_GET_REASON(ERR_peek_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
  if (is_missing) return fail(Failure::kVerify, "no certificate was presented");
  if (is_verify && verdict != X509_V_OK) {
    return fail(Failure::kVerify, X509_verify_cert_error_string(verdict));
  }
  fail(Failure::kProtocol, take_openssl_reason());
}

// --- Once OpenSSL is done ---

void Handshake::finish() {
  leftover_.assign(input_.begin(), input_.end());
  if (!take_secrets()) return fail(Failure::kProtocol, "no cipher that can be taken over");
  take_negotiated();
  status_ = Status::kDone;
  part_with_ssl();
}

void Handshake::part_with_ssl() noexcept {
  if (role_ == Role::kClient && secrets_.version == Version::kTls13) {
    SSL_set_ex_data(ssl_.get(), index_of_handshake(), nullptr);
    SSL_set_bio(ssl_.get(), nullptr, nullptr);
    return;
  }
  // An SSL object that goes without having been shut down takes its session out of the cache.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_set_quiet_shutdown(ssl_.get(), 1);
  ssl_.reset();
}

bool Handshake::take_secrets() {
  secrets_.role = role_;
  secrets_.version = SSL_version(ssl_.get()) == TLS1_3_VERSION ? Version::kTls13 : Version::kTls12;
  if (!take_cipher()) return false;
  const SSL_SESSION* const session = SSL_get0_session(ssl_.get());
  const std::uint8_t limit = SSL_SESSION_get_max_fragment_length(session);
  if (limit != TLSEXT_max_fragment_length_DISABLED) {
    secrets_.max_fragment = static_cast<std::uint16_t>(256U << limit);  // RFC 6066 section 4
  }
  if (secrets_.version == Version::kTls12) take_randoms();
  return true;
}

bool Handshake::take_cipher() {
  switch (SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl_.get()))) {
    case NID_aes_128_gcm:
      secrets_.cipher = Cipher::kAes128Gcm;
      return true;
    case NID_aes_256_gcm:
      secrets_.cipher = Cipher::kAes256Gcm;
      return true;
    case NID_chacha20_poly1305:
      secrets_.cipher = Cipher::kChacha20Poly1305;
      return true;
    default:
      return false;
  }
}

void Handshake::take_randoms() {
  SessionSecrets& to = secrets_;
  SSL_SESSION_get_master_key(SSL_get0_session(ssl_.get()), to.master_secret.data(),
                             to.master_secret.size());
  SSL_get_client_random(ssl_.get(), to.client_random.data(), to.client_random.size());
  SSL_get_server_random(ssl_.get(), to.server_random.data(), to.server_random.size());
  // OpenSSL's explicit nonces begin at random and count up; the last one went with our Finished.
  to.next_explicit_nonce = last_explicit_nonce(output_) + 1;
}

void Handshake::take_negotiated() {
  const auto text = [](const char* name) { return std::string(name != nullptr ? name : ""); };
  negotiated_.version = secrets_.version == Version::kTls13 ? "TLSv1.3" : "TLSv1.2";
  negotiated_.cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_.get()));
  negotiated_.server_name = text(SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name));
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
  if (length > 0) negotiated_.alpn.assign(reinterpret_cast<const char*>(protocol), length);
  negotiated_.is_resumed = SSL_session_reused(ssl_.get()) == 1;
  if (role_ != Role::kServer) return;
  negotiated_.session_number = session_number(*ssl_);
  const X509* const shown = SSL_get0_peer_certificate(ssl_.get());
  if (shown != nullptr) negotiated_.client_certificate = name_in(*shown);
}

// --- Counting ---

void Handshake::note_record(DirectionSecret& direction, std::uint8_t type) noexcept {
  const bool is_tls13 = SSL_version(ssl_.get()) == TLS1_3_VERSION;
  if (is_tls13) {
    // A ChangeCipherSpec is there for middleboxes only and is not encrypted.
    if (type == kApplicationData) ++direction.sequence;
  } else if (type == kChangeCipherSpec) {
    direction.sequence = 0;
  } else {
    ++direction.sequence;
  }
}

bool Handshake::note_secret(std::string_view label, std::string_view hex) noexcept {
  constexpr std::string_view kEnd = "_TRAFFIC_SECRET_";
  const bool is_client = label.starts_with("CLIENT");
  // CLIENT_TRAFFIC_SECRET_0 and SERVER_TRAFFIC_SECRET_N, not CLIENT_HANDSHAKE_TRAFFIC_SECRET.
  if (label.substr(std::min<std::size_t>(label.size(), 6)).substr(0, kEnd.size()) != kEnd)
    return false;
  const bool is_ours = is_client == (role_ == Role::kClient);
  DirectionSecret& direction = is_ours ? secrets_.transmit : secrets_.receive;
  direction.sequence = 0;
  const std::size_t length = std::min(hex.size() / 2, direction.traffic_secret.size());
  for (std::size_t i = 0; i < length; ++i) {
    const int value = hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]);
    direction.traffic_secret[i] = static_cast<std::uint8_t>(value);
  }
  return true;
}

}  // namespace sluice::tls
