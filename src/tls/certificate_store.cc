#include "tls/certificate_store.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "config/bounds.h"
#include "config/read_file.h"
#include "tls/server_names.h"

namespace sluice::tls {
namespace {

Bio open_text(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::vector<Certificate> parse_certificates(const std::string& pem) {
  const Bio bio = open_text(pem);
  std::vector<Certificate> out;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(next);
  }
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  return out;
}

int refuse_pass_phrase(char* /*buffer*/, int /*size*/, int /*is_writing*/, void* /*unused*/) {
  return -1;
}

std::string common_name(X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return "";
  const ASN1_STRING* const text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// The alternative names; the common name counts only where there are none (RFC 6125 section
/// 6.4.4).
std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> out;
  auto* const names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(names, i);
    if (each->type != GEN_DNS) continue;
    const std::string_view text(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
        static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
    // A name with a NUL inside means another name to whoever reads it as a C string.
    if (text.find('\0') == std::string_view::npos) out.push_back(normal_name(text));
  }
  GENERAL_NAMES_free(names);
  const std::string subject = common_name(certificate);
  if (out.empty() && !subject.empty() && subject.find('\0') == std::string::npos) {
    out.push_back(normal_name(subject));
  }
  return out;
}

Fingerprint fingerprint_of(X509* certificate) {
  Fingerprint out{};
  unsigned length = 0;
  X509_digest(certificate, EVP_sha256(), out.data(), &length);
  return out;
}

Result<std::string> read(const std::string& path) {
  Result<std::string> text = config::read_file(path, config::kMaxCertificateFileBytes);
  if (!text) return fail("'" + path + "' " + text.error().text, ExitCode::kNo);
  return text;
}

/// Where distributions keep their trust store as one file; the first that can be read counts.
Result<CaBundle> load_system_bundle() {
  const char* const chosen = std::getenv(X509_get_default_cert_file_env());
  const std::array<const char*, 4> places = {
      chosen != nullptr ? chosen : "", "/etc/ssl/certs/ca-certificates.crt",
      "/etc/pki/tls/certs/ca-bundle.crt", X509_get_default_cert_file()};
  for (const char* place : places) {
    if (*place == '\0') continue;
    const Result<std::string> text = config::read_file(place, config::kMaxCertificateFileBytes);
    if (!text) continue;
    if (Result<CaBundle> bundle = parse_bundle(*text)) return bundle;
  }
  return CaBundle{};  // nobody is trusted: whatever asks for it fails to verify, with that reason
}

bool is_system(const std::string& bundle) {
  return bundle.empty() || bundle == CertificateStore::kSystemBundle;
}

/// Whether something may be verified against the system's authorities. Parsing them takes some ten
/// milliseconds.
bool needs_system_bundle(const Config& config) {
  bool is_terminating = false;
  for (const FrontendConfig& frontend : config.frontends) {
    if (!frontend.tls) continue;
    is_terminating = true;
    if (frontend.tls->client_ca == CertificateStore::kSystemBundle) return true;
  }
  for (const BackendConfig& backend : config.backends) {
    const bool is_checked = backend.health_check.type == HealthCheckType::kTls;
    for (const ServerConfig& server : backend.servers) {
      const bool may_speak_tls =
          is_checked || server.tls || (is_terminating && !server.ssl_offload);
      if (may_speak_tls && is_system(server.ca_bundle)) return true;
    }
  }
  return false;
}

}  // namespace

Result<CertifiedKey> parse_certified_key(std::string name, const std::string& certificate,
                                         const std::string& key) {
  CertifiedKey out;
  out.name = std::move(name);
  std::vector<Certificate> chain = parse_certificates(certificate);
  if (chain.empty()) return fail("holds no certificate", ExitCode::kNo);
  out.leaf = std::move(chain.front());
  chain.erase(chain.begin());
  out.chain = std::move(chain);
  const Bio bio = open_text(key);
  out.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_pass_phrase, nullptr));
  if (out.key == nullptr) return fail("its key: " + take_openssl_reason(), ExitCode::kNo);
  if (X509_check_private_key(out.leaf.get(), out.key.get()) != 1) {
    ERR_clear_error();
    return fail("its key belongs to another certificate", ExitCode::kNo);
  }
  out.kind = EVP_PKEY_get_base_id(out.key.get());
  out.names = names_of(out.leaf.get());
  out.fingerprint = fingerprint_of(out.leaf.get());
  return out;
}

Result<CaBundle> parse_bundle(const std::string& pem) {
  CaBundle out;
  out.authorities = parse_certificates(pem);
  if (out.authorities.empty()) return fail("holds no certificate", ExitCode::kNo);
  std::string all;
  for (const Certificate& each : out.authorities) {
    const Fingerprint one = fingerprint_of(each.get());
    all.append(reinterpret_cast<const char*>(one.data()), one.size());
  }
  EVP_Digest(all.data(), all.size(), out.fingerprint.data(), nullptr, EVP_sha256(), nullptr);
  return out;
}

Result<void> use_key(SSL_CTX& context, const CertifiedKey& key) {
  ERR_clear_error();
  bool is_used = SSL_CTX_use_certificate(&context, key.leaf.get()) == 1;
  for (const Certificate& each : key.chain) {
    is_used = is_used && SSL_CTX_add1_chain_cert(&context, each.get()) == 1;
  }
  is_used = is_used && SSL_CTX_use_PrivateKey(&context, key.key.get()) == 1;
  if (is_used) return {};
  return fail("certificate '" + key.name + "' cannot be used: " + take_openssl_reason(),
              ExitCode::kNo);
}

CertificateTrust make_trust(const CaBundle& bundle) {
  CertificateTrust out(X509_STORE_new());
  for (const Certificate& each : bundle.authorities) {
    X509_STORE_add_cert(out.get(), each.get());  // takes a reference
  }
  ERR_clear_error();
  return out;
}

Result<CertificateStore> CertificateStore::load(const Config& config) {
  CertificateStore out;
  for (const CertificateConfig& entry : config.certificates) {
    const auto certificate = read(entry.certificate);
    if (!certificate) return tl::unexpected(certificate.error());
    auto key = read(entry.key);
    if (!key) return tl::unexpected(key.error());
    auto parsed = parse_certified_key(entry.name, *certificate, *key);
    OPENSSL_cleanse(key->data(), key->size());
    if (!parsed) {
      return fail("certificate '" + entry.name + "': " + parsed.error().text, ExitCode::kNo);
    }
    out.certificates_.emplace(entry.name, std::move(*parsed));
  }
  for (const CaBundleConfig& entry : config.ca_bundles) {
    const auto pem = read(entry.file);
    if (!pem) return tl::unexpected(pem.error());
    auto parsed = parse_bundle(*pem);
    if (!parsed) {
      return fail("CA bundle '" + entry.name + "': " + parsed.error().text, ExitCode::kNo);
    }
    out.bundles_.emplace(entry.name, std::move(*parsed));
  }
  const std::string system(kSystemBundle);
  if (!out.bundles_.contains(system) && needs_system_bundle(config)) {
    out.bundles_.emplace(system, std::move(*load_system_bundle()));
  }
  return out;
}

const CertifiedKey* CertificateStore::certificate(const std::string& name) const noexcept {
  const auto found = certificates_.find(name);
  return found == certificates_.end() ? nullptr : &found->second;
}

const CaBundle* CertificateStore::bundle(const std::string& name) const noexcept {
  const auto found = bundles_.find(name.empty() ? std::string(kSystemBundle) : name);
  return found == bundles_.end() ? nullptr : &found->second;
}

}  // namespace sluice::tls
