#include "tls/server_context.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test_handshake.h"
#include "tls/control.h"
#include "tls/policy.h"
#include "tls/record_stream.h"

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

// --- Tickets of TLS 1.3 ---

using Bytes = std::vector<std::byte>;

/// The tickets in `records`, as the record layer gives them out.
std::vector<Bytes> tickets_in(const SessionSecrets& secrets, Bytes records, Aead& aead) {
  SessionKeys keys;
  EXPECT_TRUE(derive_keys(secrets, keys));
  RecordOpener opener;
  PieceList none;
  Control control(secrets.version, secrets.role);
  std::vector<Bytes> out;
  for (std::uint32_t begin = 0; begin < records.size();) {
    const auto opened = opener.open(aead, keys.receive, records, begin, none);
    if (opened.what != Opened::kControl) break;
    const auto decision = control.on_record(opened.type, opened.body, {});
    out.emplace_back(decision.ticket.begin(), decision.ticket.end());
  }
  return out;
}

class Tickets : public ::testing::Test {
 protected:
  /// A session with `context`: whether it was resumed. Its first ticket is read.
  bool meet(ServerContext& context) {
    Ssl ssl(SSL_new(server_.get()));
    SSL_set_accept_state(ssl.get());
    Handshake theirs(std::move(ssl));
    Handshake ours(context.make_ssl({}));
    ours.start();
    theirs.feed(ours.output());
    ours.consume_output(ours.output().size());
    ours.feed(theirs.output());
    theirs.consume_output(theirs.output().size());
    theirs.feed(ours.output());
    EXPECT_EQ(theirs.status(), Status::kDone) << theirs.reason();
    const Bytes records(theirs.output().begin(), theirs.output().end());
    readers_.push_back(ServerContext::ticket_reader(ours));
    for (const Bytes& each : tickets_in(ours.secrets(), records, aead_)) {
      if (readers_.back() != nullptr) readers_.back()->read(aead_, each);
      readers_.back().reset();
    }
    return ours.negotiated().is_resumed;
  }

  const SslContext server_ = server_with(authority().issue({.names = {"app.test", "b.test"}}));
  Aead aead_ = std::move(*Aead::create());
  // They count themselves in the context.
  const std::unique_ptr<ServerContext> context_ = client_of("app.test", authority().certificate());
  std::vector<std::unique_ptr<TicketReader>> readers_;
};

TEST_F(Tickets, ResumeTheNextSession) {
  EXPECT_FALSE(meet(*context_));
  EXPECT_TRUE(meet(*context_));
  EXPECT_TRUE(meet(*context_));
}

TEST_F(Tickets, AreUsedOnce) {
  SSL_CTX_set_num_tickets(server_.get(), 1);
  EXPECT_FALSE(meet(*context_));
  SSL_CTX_set_num_tickets(server_.get(), 0);
  EXPECT_TRUE(meet(*context_));
  EXPECT_FALSE(meet(*context_));
}

TEST_F(Tickets, AreUsedUnderTheSameContextOnly) {
  const auto other = client_of("b.test", authority().certificate());
  const auto careless = client_of("app.test", authority().certificate(), ServerVerify::kNone);
  EXPECT_FALSE(meet(*context_));
  EXPECT_FALSE(meet(*other));
  EXPECT_FALSE(meet(*careless));
  EXPECT_TRUE(meet(*context_));
  readers_.clear();
}

TEST_F(Tickets, AreNotUsedBeyondTheServersWord) {
  SSL_CTX_set_timeout(server_.get(), 1);
  EXPECT_FALSE(meet(*context_));
  // OpenSSL counts whole seconds.
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_FALSE(meet(*context_));
}

TEST_F(Tickets, AreWaitedForByFewAtATime) {
  SSL_CTX_set_num_tickets(server_.get(), 0);
  for (std::uint32_t i = 0; i < ServerContext::kWaitingReaders; ++i) {
    meet(*context_);
    ASSERT_NE(readers_.back(), nullptr);
  }
  meet(*context_);
  EXPECT_EQ(readers_.back(), nullptr);
  readers_.clear();
  meet(*context_);
  EXPECT_NE(readers_.back(), nullptr);
}

TEST_F(Tickets, ThatMakeNoSenseAreNothing) {
  SSL_CTX_set_num_tickets(server_.get(), 0);
  meet(*context_);
  for (const int type : {4, 24, 8, 20}) {
    const Bytes message = {static_cast<std::byte>(type), {}, {}, std::byte{2}, {}, {}};
    readers_.back()->read(aead_, message);
  }
  EXPECT_FALSE(meet(*context_));
}

}  // namespace
}  // namespace sluice::tls
