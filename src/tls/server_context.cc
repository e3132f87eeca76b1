#include "tls/server_context.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tls/policy.h"
#include "tls/verify.h"

namespace sluice::tls {
namespace {

using std::chrono::seconds;

/// The longest that TLS 1.3 allows (RFC 8446 section 4.6.1).
constexpr seconds kLongestLife = std::chrono::hours(7 * 24);

seconds life_of(const SSL_SESSION& session) noexcept {
  const unsigned long hint = SSL_SESSION_get_ticket_lifetime_hint(&session);
  const seconds told(hint > 0 ? static_cast<long>(std::min(hint, 1UL << 30))
                              : SSL_SESSION_get_timeout(&session));
  return std::min(told, kLongestLife);
}

int index_of_owner() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

ServerContext::ServerContext(const ServerConfig& config)
    : name_(config.server_name.empty() ? config.address : config.server_name),
      verify_(config.verify) {}

Result<std::unique_ptr<ServerContext>> ServerContext::create(const ServerConfig& config,
                                                             const CertificateTrust& trust,
                                                             const CertifiedKey* own) {
  std::unique_ptr<ServerContext> out(new ServerContext(config));
  auto context = make_context(TLS_client_method(), TlsVersion::kTls12);
  if (!context) return tl::unexpected(context.error());
  out->context_ = std::move(*context);
  SSL_CTX* const made = out->context_.get();
  SSL_CTX_set1_cert_store(made, trust.get());
  if (own != nullptr) {
    if (auto used = use_key(*made, *own); !used) return tl::unexpected(used.error());
  }
  SSL_CTX_set_ex_data(made, index_of_owner(), out.get());
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(made, &ServerContext::on_new_session);
  return out;
}

Ssl ServerContext::make_ssl(std::string_view alpn) noexcept {
  Ssl ssl(SSL_new(context_.get()));
  if (ssl == nullptr || !expect_server(*ssl, name_, verify_)) return nullptr;
  SSL_set_mode(ssl.get(), SSL_MODE_RELEASE_BUFFERS);  // it may wait for tickets
  SSL_set_connect_state(ssl.get());
  if (!alpn.empty()) {
    const std::string wire = encode_protocols({std::string(alpn)});
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  if (const SslSession session = take_session(); session != nullptr) {
    SSL_set_session(ssl.get(), session.get());
  }
  return ssl;
}

// --- Sessions ---

void ServerContext::keep(SslSession session) {
  if (sessions_.size() >= kKeptSessions) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

/// What a full handshake would find now: the session may be no better than that.
bool ServerContext::is_usable(const SSL_SESSION& session) const noexcept {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const seconds age(now - SSL_SESSION_get_time(&session));
  if (age < seconds(0) || age >= life_of(session)) return false;
  if (verify_ == ServerVerify::kNone) return true;
  // It only reads, whatever the parameter says.
  const X509* const shown = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(&session));
  return shown != nullptr && X509_cmp_current_time(X509_get0_notAfter(shown)) > 0;
}

/// One of TLS 1.3 is used once (RFC 8446 appendix C.4); one of TLS 1.2 stays.
SslSession ServerContext::take_session() noexcept {
  while (!sessions_.empty() && !is_usable(*sessions_.back())) sessions_.pop_back();
  if (sessions_.empty()) return nullptr;
  SSL_SESSION* const newest = sessions_.back().get();
  if (SSL_SESSION_get_protocol_version(newest) != TLS1_3_VERSION) {
    SSL_SESSION_up_ref(newest);
    return SslSession(newest);
  }
  SslSession out = std::move(sessions_.back());
  sessions_.pop_back();
  return out;
}

ServerContext* ServerContext::owner(const SSL& ssl) noexcept {
  return static_cast<ServerContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(&ssl), index_of_owner()));
}

std::unique_ptr<TicketReader> ServerContext::ticket_reader(Handshake& done) {
  Ssl ssl = done.take_ssl();
  ServerContext* const self = ssl != nullptr ? owner(*ssl) : nullptr;
  if (self == nullptr || self->sessions_.size() >= kKeptSessions ||
      self->waiting_readers_ >= kWaitingReaders) {
    return nullptr;
  }
  return std::make_unique<TicketReader>(std::move(ssl), done.secrets(), self->waiting_readers_);
}

int ServerContext::on_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
  ServerContext* const self = owner(*ssl);
  if (self == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  self->keep(SslSession(session));
  return 1;  // the reference is ours now
}

}  // namespace sluice::tls
