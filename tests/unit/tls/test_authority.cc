#include "test_authority.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>

namespace sluice::tls {
namespace {

constexpr long kDay = 24L * 60 * 60;

PrivateKey make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcdsa:
      return PrivateKey(EVP_EC_gen("P-256"));
    case KeyKind::kRsa:
      return PrivateKey(EVP_RSA_gen(2048));
    case KeyKind::kWeakRsa:
      return PrivateKey(EVP_RSA_gen(1024));
  }
  return nullptr;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    const bool is_address = name.find_first_not_of("0123456789.:") == std::string::npos;
    out += (out.empty() ? "" : ",") + std::string(is_address ? "IP:" : "DNS:") + name;
  }
  return out;
}

struct Issuer {
  X509* certificate;  ///< null: self-signed
  EVP_PKEY* key;
};

Certificate make_certificate(const std::string& subject, const CertificateWish& wish, EVP_PKEY* key,
                             const Issuer& issuer) {
  static std::atomic<long> serial{1};
  Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.begins * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.ends * kDay);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  X509* const above = issuer.certificate != nullptr ? issuer.certificate : made.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(above));
  const bool is_authority = wish.use == CertificateWish::Use::kAuthority;
  add_extension(made.get(), above, NID_basic_constraints,
                is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!wish.names.empty()) {
    add_extension(made.get(), above, NID_subject_alt_name, alternative_names(wish.names));
  }
  X509_sign(made.get(), issuer.key, EVP_sha256());
  return made;
}

template <typename Write>
std::string to_pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Pem to_pem(X509* certificate, EVP_PKEY* key) {
  return {to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }), to_pem([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string subject_of(const CertificateWish& wish) {
  return wish.names.empty() ? "somebody" : wish.names.front();
}

const CertificateWish kAuthorityWish{{}, KeyKind::kEcdsa, -1, 30, CertificateWish::Use::kAuthority};

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : name_(name), key_(make_key(KeyKind::kEcdsa)) {
  certificate_ = make_certificate(name, kAuthorityWish, key_.get(), {nullptr, key_.get()});
  pem_ = to_pem(certificate_.get(), key_.get());
}

Pem TestAuthority::issue(const CertificateWish& wish) const {
  const PrivateKey key = make_key(wish.kind);
  const Certificate made =
      make_certificate(subject_of(wish), wish, key.get(), {certificate_.get(), key_.get()});
  return to_pem(made.get(), key.get());
}

const TestAuthority& authority() {
  static const TestAuthority made("test authority");
  return made;
}

TestAuthority TestAuthority::delegate(const std::string& name) const {
  TestAuthority below;
  below.name_ = name;
  below.key_ = make_key(KeyKind::kEcdsa);
  below.certificate_ =
      make_certificate(name, kAuthorityWish, below.key_.get(), {certificate_.get(), key_.get()});
  below.pem_ = to_pem(below.certificate_.get(), below.key_.get());
  return below;
}

Pem self_signed(const CertificateWish& wish) {
  const PrivateKey key = make_key(wish.kind);
  const Certificate made =
      make_certificate(subject_of(wish), wish, key.get(), {nullptr, key.get()});
  return to_pem(made.get(), key.get());
}

}  // namespace sluice::tls
