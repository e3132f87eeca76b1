// OpenSSL's objects as owners, and its errors as words.
//
// Any thread; OpenSSL keeps its error queue by thread.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace sluice::tls {

template <auto Free>
struct Release {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Release<BIO_free>>;
using Ssl = std::unique_ptr<SSL, Release<SSL_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using SslSession = std::unique_ptr<SSL_SESSION, Release<SSL_SESSION_free>>;
using Certificate = std::unique_ptr<X509, Release<X509_free>>;
using CertificateTrust = std::unique_ptr<X509_STORE, Release<X509_STORE_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;

/// OpenSSL's own words for its oldest error, which is the one nearest to the cause; clears the
/// queue.
[[nodiscard]] std::string take_openssl_reason();

}  // namespace sluice::tls
