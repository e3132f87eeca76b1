#include "config/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "config/bounds.h"
#include "config/read_file.h"

namespace sluice::config {

namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

Bio open_text(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// OpenSSL's own words for its last error; clears its queue.
std::string openssl_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string out = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
  return out;
}

/// True if the last PEM read only failed because there is nothing more to read; clears the queue.
bool is_at_end() {
  const unsigned long error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (at_end) ERR_clear_error();
  return at_end;
}

/// Called for the pass phrase of an encrypted key; there is nobody to ask.
int refuse_pass_phrase(char* /*buffer*/, int /*size*/, int /*is_writing*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

Result<std::vector<Certificate>> read_certificates(const std::string& path) {
  const Result<std::string> pem = read_file(path, kMaxCertificateFileBytes);
  if (!pem) return fail(quote_path(path) + ' ' + pem.error().text, ExitCode::kNo);
  const Bio bio = open_text(*pem);
  std::vector<Certificate> out;
  ERR_clear_error();
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(next);
  }
  const bool is_complete = is_at_end();
  if (!is_complete) {
    return fail(quote_path(path) + " is damaged: certificate " + std::to_string(out.size() + 1) +
                    " does not parse (" + openssl_reason() + ")",
                ExitCode::kNo);
  }
  if (out.empty()) {
    return fail(quote_path(path) + " holds no PEM certificate (-----BEGIN CERTIFICATE-----)",
                ExitCode::kNo);
  }
  return out;
}

Result<Key> read_key(const std::string& path) {
  const Result<std::string> pem = read_file(path, kMaxCertificateFileBytes);
  if (!pem) return fail(quote_path(path) + ' ' + pem.error().text, ExitCode::kNo);
  // Told apart here: OpenSSL 3.0 says "unsupported" to whatever is not a key.
  if (pem->find("PRIVATE KEY-----") == std::string::npos) {
    return fail(quote_path(path) + " holds no PEM private key (-----BEGIN PRIVATE KEY-----)",
                ExitCode::kNo);
  }
  const Bio bio = open_text(*pem);
  bool was_asked = false;
  ERR_clear_error();
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_pass_phrase, &was_asked));
  if (key != nullptr) return key;
  if (was_asked) {
    ERR_clear_error();
    return fail(quote_path(path) +
                    " is encrypted; store it without a pass phrase, readable only for "
                    "the user that Sluice runs as",
                ExitCode::kNo);
  }
  return fail(quote_path(path) + " does not parse as a private key (" + openssl_reason() + ")",
              ExitCode::kNo);
}

bool is_key_of(const Key& key, const Certificate& certificate) {
  const bool matches = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return matches;
}

std::string mismatch_text(const std::vector<Certificate>& chain, const Key& key,
                          const std::string& certificate_path) {
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (!is_key_of(key, chain[i])) continue;
    return "belongs to certificate " + std::to_string(i + 1) + " of " +
           quote_path(certificate_path) +
           ": put the server's certificate first, its chain behind it";
  }
  return "does not belong to the certificate in " + quote_path(certificate_path);
}

std::string date_text(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  char out[32] = {};
  std::strftime(out, sizeof out, "%Y-%m-%d %H:%M UTC", &parts);
  return out;
}

std::string date_notice(const Certificate& certificate) {
  const ASN1_TIME* const begins = X509_get0_notBefore(certificate.get());
  const ASN1_TIME* const ends = X509_get0_notAfter(certificate.get());
  if (X509_cmp_current_time(ends) < 0) return "expired on " + date_text(ends);
  if (X509_cmp_current_time(begins) > 0) return "is not valid before " + date_text(begins);
  return "";
}

}  // namespace

CertificateProblems inspect_certificate(const std::string& certificate_path,
                                        const std::string& key_path) {
  CertificateProblems out;
  const Result<std::vector<Certificate>> chain = read_certificates(certificate_path);
  const Result<Key> key = read_key(key_path);
  if (!chain) out.certificate = chain.error().text;
  if (!key) out.key = key.error().text;
  if (chain && key && !is_key_of(*key, chain->front())) {
    out.key = quote_path(key_path) + ' ' + mismatch_text(*chain, *key, certificate_path);
  }
  if (chain) out.notice = date_notice(chain->front());
  return out;
}

std::optional<std::string> inspect_ca_bundle(const std::string& path) {
  const Result<std::vector<Certificate>> bundle = read_certificates(path);
  if (bundle) return std::nullopt;
  return bundle.error().text;
}

void check_certificates(Checker& checker) {
  const Config& config = checker.config;
  for (std::size_t i = 0; i < config.certificates.size(); ++i) {
    const CertificateConfig& entry = config.certificates[i];
    if (entry.certificate.empty() || entry.key.empty()) continue;  // already reported
    const CertificateProblems problems = inspect_certificate(entry.certificate, entry.key);
    const Path at_certificate = make_path("certificates", i, "certificate");
    if (!problems.certificate.empty()) checker.error(at_certificate, problems.certificate);
    if (!problems.key.empty()) checker.error(make_path("certificates", i, "key"), problems.key);
    if (!problems.notice.empty()) {
      checker.notice(at_certificate, quote_path(entry.certificate) + ' ' + problems.notice);
    }
  }
  for (std::size_t i = 0; i < config.ca_bundles.size(); ++i) {
    if (config.ca_bundles[i].file.empty()) continue;
    if (const auto problem = inspect_ca_bundle(config.ca_bundles[i].file)) {
      checker.error(make_path("ca_bundles", i, "file"), *problem);
    }
  }
}

}  // namespace sluice::config
