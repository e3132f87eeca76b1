#include "tls/server_context.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "test_handshake.h"
#include "tls/policy.h"

namespace sluice::tls {
namespace {

using Status = Handshake::Status;
using Failure = Handshake::Failure;

const TestAuthority& authority() {
  static const TestAuthority made("test authority");
  return made;
}

/// A server of somebody else's, with these certificates.
SslContext server_with(const Pem& pem, const std::string& chain = "") {
  auto out = std::move(*make_context(TLS_server_method(), TlsVersion::kTls12));
  SSL_CTX_set_security_level(out.get(), 0);  // servers with weak keys exist
  const auto key = parse_certified_key("server", pem.certificate + chain, pem.key);
  SSL_CTX_use_certificate(out.get(), key->leaf.get());
  for (const Certificate& each : key->chain) SSL_CTX_add1_chain_cert(out.get(), each.get());
  SSL_CTX_use_PrivateKey(out.get(), key->key.get());
  return out;
}

struct Result {
  Status status;
  Failure failure;
  std::string reason;
  bool is_resumed;
  std::string asked;  ///< the server name that the server saw
  Failure their_failure = Failure::kNone;
};

Result meet(ServerContext& context, const SslContext& server, std::string_view alpn = {}) {
  Ssl ssl(SSL_new(server.get()));
  SSL_set_accept_state(ssl.get());
  Handshake theirs(std::move(ssl));
  Handshake ours(context.make_ssl(alpn));
  converse(ours, theirs);
  const bool is_done = theirs.status() == Status::kDone;
  return {ours.status(),
          ours.failure(),
          ours.reason(),
          ours.negotiated().is_resumed,
          is_done ? theirs.negotiated().server_name : "",
          theirs.failure()};
}

void expect_refused(const SslContext& server, const std::string& reason,
                    const std::string& name = "app.test") {
  const auto context = client_of(name, authority().certificate());
  const Result got = meet(*context, server);
  EXPECT_EQ(got.status, Status::kFailed);
  EXPECT_EQ(got.failure, Failure::kVerify);
  EXPECT_EQ(got.reason, reason);
}

TEST(ServerContext, AGoodCertificateIsTaken) {
  const auto context = client_of("app.test", authority().certificate());
  const Result got = meet(*context, server_with(authority().issue({.names = {"app.test"}})));
  EXPECT_EQ(got.status, Status::kDone) << got.reason;
  EXPECT_EQ(got.asked, "app.test");
}

TEST(ServerContext, AWildcardCertificateIsTaken) {
  const auto context = client_of("app.test", authority().certificate());
  EXPECT_EQ(meet(*context, server_with(authority().issue({.names = {"*.test"}}))).failure,
            Failure::kVerify)
      << "a wildcard below the root is nobody's";
  const auto deeper = client_of("a.app.test", authority().certificate());
  EXPECT_EQ(meet(*deeper, server_with(authority().issue({.names = {"*.app.test"}}))).status,
            Status::kDone);
}

TEST(ServerContext, AnAddressIsDemandedAsAnAddress) {
  const auto context = client_of("", authority().certificate());
  EXPECT_EQ(context->name(), "127.0.0.1");
  const Result got = meet(*context, server_with(authority().issue({.names = {"127.0.0.1"}})));
  EXPECT_EQ(got.status, Status::kDone) << got.reason;
  EXPECT_EQ(got.asked, "") << "RFC 6066: no address in SNI";
  expect_refused(server_with(authority().issue({.names = {"127.0.0.2"}})), "IP address mismatch",
                 "");
}

TEST(ServerContext, WhatDoesNotVerifyIsRefused) {
  const TestAuthority stranger("a stranger");
  const TestAuthority below = authority().delegate("below");
  const CertificateWish good{.names = {"app.test"}};
  expect_refused(server_with(stranger.issue(good)), "unable to get local issuer certificate");
  expect_refused(server_with(self_signed(good)), "self-signed certificate");
  expect_refused(server_with(authority().issue({.names = {"app.test"}, .begins = -9, .ends = -1})),
                 "certificate has expired");
  expect_refused(server_with(authority().issue({.names = {"app.test"}, .begins = 1})),
                 "certificate is not yet valid");
  expect_refused(server_with(authority().issue({.names = {"other.test"}})), "hostname mismatch");
  expect_refused(server_with(below.issue(good)), "unable to get local issuer certificate");
  expect_refused(server_with(authority().issue({.names = {"app.test"}, .kind = KeyKind::kWeakRsa})),
                 "EE certificate key too weak");
}

TEST(ServerContext, AnIntermediateAuthorityMustBeSentAlong) {
  const TestAuthority below = authority().delegate("below");
  const auto context = client_of("app.test", authority().certificate());
  const SslContext server = server_with(below.issue({.names = {"app.test"}}), below.certificate());
  EXPECT_EQ(meet(*context, server).status, Status::kDone);
}

TEST(ServerContext, WithoutVerificationAnythingIsTaken) {
  const auto context = client_of("app.test", authority().certificate(), ServerVerify::kNone);
  EXPECT_EQ(meet(*context, server_with(self_signed({.names = {"other.test"}}))).status,
            Status::kDone);
}

TEST(ServerContext, ItsOwnCertificateIsShownToWhoAsks) {
  const SslContext server = server_with(authority().issue({.names = {"app.test"}}));
  SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  const CaBundle bundle = *parse_bundle(authority().certificate());
  const CertificateTrust trust = make_trust(bundle);
  SSL_CTX_set1_cert_store(server.get(), trust.get());
  const Pem pem = authority().issue({.names = {"me.test"}});
  const CertifiedKey own = *parse_certified_key("me", pem.certificate, pem.key);
  ServerConfig config;
  config.server_name = "app.test";
  const auto shown_to = [&](const CertifiedKey* key) {
    const auto context = std::move(*ServerContext::create(config, trust, key));
    return meet(*context, server).their_failure;
  };
  EXPECT_EQ(shown_to(&own), Failure::kNone);
  EXPECT_EQ(shown_to(nullptr), Failure::kVerify);
}

TEST(ServerContext, Tls12SessionsAreResumedUnderTheSameContextOnly) {
  const SslContext server = server_with(authority().issue({.names = {"app.test", "b.test"}}));
  SSL_CTX_set_max_proto_version(server.get(), TLS1_2_VERSION);
  SSL_CTX_set_session_id_context(server.get(), reinterpret_cast<const unsigned char*>("x"), 1);
  const auto context = client_of("app.test", authority().certificate());
  EXPECT_FALSE(meet(*context, server).is_resumed);
  EXPECT_TRUE(meet(*context, server).is_resumed);
  EXPECT_TRUE(meet(*context, server).is_resumed);
  EXPECT_FALSE(meet(*client_of("b.test", authority().certificate()), server).is_resumed);
  EXPECT_FALSE(meet(*client_of("app.test", authority().certificate(), ServerVerify::kNone), server)
                   .is_resumed);
}

}  // namespace
}  // namespace sluice::tls
