#include "tls/frontend_context.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "tls/handshake.h"
#include "tls/policy.h"
#include "tls/tickets.h"

namespace sluice::tls {
namespace {

using Keys = std::vector<const CertifiedKey*>;

bool has_name(const CertifiedKey& key, std::string_view name) {
  return std::find(key.names.begin(), key.names.end(), name) != key.names.end();
}

/// `*.example.com` for `a.example.com`.
std::string wildcard_of(const std::string& name) {
  const std::size_t dot = name.find('.');
  return dot == std::string::npos ? "" : "*" + name.substr(dot);
}

bool has_kind(const Keys& keys, int kind) {
  return std::any_of(keys.begin(), keys.end(),
                     [kind](const CertifiedKey* key) { return key->kind == kind; });
}

/// The first certificate of each kind that carries the name; one that carries it only by a wildcard
/// comes after all that carry it as it is.
Keys keys_for(const std::string& name, const Keys& all) {
  Keys out;
  for (const std::string& pattern : {name, wildcard_of(name)}) {
    for (const CertifiedKey* key : all) {
      if (!pattern.empty() && has_name(*key, pattern) && !has_kind(out, key->kind)) {
        out.push_back(key);
      }
    }
  }
  return out;
}

/// The first certificate, and those of other kinds that share a name with it.
Keys default_keys(const Keys& all) {
  Keys out{all.front()};
  for (const CertifiedKey* key : all) {
    const bool is_related =
        std::any_of(key->names.begin(), key->names.end(),
                    [&](const std::string& name) { return has_name(*all.front(), name); });
    if (is_related && !has_kind(out, key->kind)) out.push_back(key);
  }
  return out;
}

/// The name a ClientHello asks for (RFC 6066 section 3); empty where there is none or it is
/// malformed, which OpenSSL refuses later by itself.
std::string_view asked_name(SSL* ssl) noexcept {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1) return {};
  constexpr std::size_t kHead = 5;  // length of the list, type of the name, length of the name
  if (size < kHead || data[2] != TLSEXT_NAMETYPE_host_name) return {};
  const auto length = static_cast<std::size_t>(data[3] << 8 | data[4]);
  if (length > size - kHead || length > TLSEXT_MAXLEN_host_name) return {};
  return {reinterpret_cast<const char*>(data + kHead), length};
}

}  // namespace

/// What OpenSSL calls. The context is the argument.
struct FrontendContext::Callbacks {
  static int on_client_hello(SSL* ssl, int* alert, void* argument) noexcept {
    const auto& self = *static_cast<const FrontendContext*>(argument);
    const std::string_view name = asked_name(ssl);
    const auto found = name.empty() ? std::nullopt : self.names_.find(name);
    if (!found && self.is_strict_) {
      *alert = SSL_AD_UNRECOGNIZED_NAME;
      Handshake::explain(*ssl, name.empty() ? "no server name, and strict_sni asks for one"
                                            : "no certificate for this server name");
      return SSL_CLIENT_HELLO_ERROR;
    }
    const Entry& entry = self.entries_[found.value_or(0)];
    SSL_set_SSL_CTX(ssl, entry.context);
    SSL_set_session_id_context(ssl, entry.session_id_context.data(),
                               static_cast<unsigned>(entry.session_id_context.size()));
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  // NOLINTNEXTLINE(readability-function-size): the parameters are OpenSSL's
  static int on_protocols(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                          const unsigned char* offered, unsigned offered_size,
                          void* argument) noexcept {
    const std::string& ours = static_cast<const FrontendContext*>(argument)->protocols_;
    unsigned char* out = nullptr;
    const int result =
        SSL_select_next_proto(&out, size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered, offered_size);
    if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = out;
    return SSL_TLSEXT_ERR_OK;
  }
};

/// Makes the contexts of one FrontendContext.
class FrontendContext::Builder {
 public:
  Builder(const FrontendConfig& config, const CertificateStore& store, FrontendContext& out)
      : config_(config), settings_(*config.tls), store_(store), out_(out) {}

  Result<void> run() {
    for (const std::string& name : settings_.certificates) {
      const CertifiedKey* const key = store_.certificate(name);
      if (key == nullptr) return fail("there is no certificate '" + name + "'", ExitCode::kNo);
      keys_.push_back(key);
    }
    if (auto done = prepare_policy(); !done) return done;
    if (auto done = add_entry("", default_keys(keys_)); !done) return done;
    for (const CertifiedKey* key : keys_) {
      for (const std::string& name : key->names) {
        if (!seen_.insert(name).second) continue;
        if (auto done = add_entry(name, keys_for(name, keys_)); !done) return done;
      }
    }
    SSL_CTX_set_client_hello_cb(out_.contexts_.front().get(), &Callbacks::on_client_hello, &out_);
    return {};
  }

 private:
  Result<void> prepare_policy() {
    out_.is_strict_ = settings_.strict_sni;
    std::vector<std::string> protocols = settings_.alpn;
    if (protocols.empty() && config_.protocol == Protocol::kHttp) protocols = {"http/1.1"};
    out_.protocols_ = encode_protocols(protocols);
    if (settings_.client_ca.empty()) return {};
    client_ca_ = store_.bundle(settings_.client_ca);
    if (client_ca_ == nullptr) {
      return fail("there is no CA bundle '" + settings_.client_ca + "'", ExitCode::kNo);
    }
    trust_ = make_trust(*client_ca_);
    return {};
  }

  Result<void> add_entry(const std::string& name, const Keys& keys) {
    auto context = context_for(keys);
    if (!context) return tl::unexpected(context.error());
    if (!name.empty()) out_.names_.add(name, static_cast<std::uint32_t>(out_.entries_.size()));
    out_.entries_.push_back({*context, session_id_context(name, keys)});
    return {};
  }

  /// Names with the same certificates share a context.
  Result<SSL_CTX*> context_for(const Keys& keys) {
    if (const auto found = made_.find(keys); found != made_.end()) return found->second;
    auto made = make_context(TLS_server_method(), settings_.min_version);
    if (!made) return tl::unexpected(made.error());
    for (const CertifiedKey* key : keys) {
      if (auto used = use_key(**made, *key); !used) return tl::unexpected(used.error());
    }
    set_up(made->get());
    made_.emplace(keys, made->get());
    out_.contexts_.push_back(std::move(*made));
    return out_.contexts_.back().get();
  }

  void set_up(SSL_CTX* context) {
    use_tickets(*context, out_.tickets_);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, kCachedSessions);
    const Fingerprint policy = session_id_context("", {});
    SSL_CTX_set_session_id_context(context, policy.data(), static_cast<unsigned>(policy.size()));
    if (!out_.protocols_.empty()) {
      SSL_CTX_set_alpn_select_cb(context, &Callbacks::on_protocols, &out_);
    }
    if (client_ca_ == nullptr) return;
    SSL_CTX_set1_cert_store(context, trust_.get());
    for (const Certificate& each : client_ca_->authorities) {
      SSL_CTX_add_client_CA(context, each.get());
    }
    const bool is_required = settings_.client_verify == ClientVerify::kRequired;
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  }

  /// Everything that a session must not be carried across.
  [[nodiscard]] SessionIdContext session_id_context(const std::string& name,
                                                    const Keys& keys) const {
    std::string all = config_.name + '\0' + name + '\0';
    const auto add = [&all](const Fingerprint& print) {
      all.append(reinterpret_cast<const char*>(print.data()), print.size());
    };
    for (const CertifiedKey* key : keys) add(key->fingerprint);
    if (client_ca_ != nullptr) {
      all += settings_.client_verify == ClientVerify::kRequired ? "required" : "optional";
      add(client_ca_->fingerprint);
    }
    SessionIdContext out{};
    EVP_Digest(all.data(), all.size(), out.data(), nullptr, EVP_sha256(), nullptr);
    return out;
  }

  const FrontendConfig& config_;
  const FrontendTlsConfig& settings_;
  const CertificateStore& store_;
  FrontendContext& out_;
  Keys keys_;
  const CaBundle* client_ca_ = nullptr;
  CertificateTrust trust_;
  std::map<Keys, SSL_CTX*> made_;
  std::set<std::string> seen_;
};

Result<std::unique_ptr<FrontendContext>> FrontendContext::create(const FrontendConfig& config,
                                                                 const CertificateStore& store,
                                                                 const TicketKeys& keys) {
  std::unique_ptr<FrontendContext> out(new FrontendContext(keys));
  if (auto done = Builder(config, store, *out).run(); !done) {
    return fail("frontend '" + config.name + "': " + done.error().text, ExitCode::kNo);
  }
  return out;
}

Ssl FrontendContext::make_ssl() const noexcept {
  Ssl ssl(SSL_new(contexts_.front().get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace sluice::tls
