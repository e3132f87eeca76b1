#include "tls/handshake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

#include "test_handshake.h"
#include "tls/policy.h"

namespace sluice::tls {
namespace {

using Status = Handshake::Status;
using Failure = Handshake::Failure;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Both ends as OpenSSL contexts of our making, with everything a test wants to vary.
class HandshakeTest : public ::testing::Test {
 protected:
  HandshakeTest() {
    server_ = std::move(*make_context(TLS_server_method(), TlsVersion::kTls12));
    client_ = std::move(*make_context(TLS_client_method(), TlsVersion::kTls12));
    const Pem pem = authority().issue({.names = {"a.test"}});
    const auto key = parse_certified_key("a", pem.certificate, pem.key);
    SSL_CTX_use_certificate(server_.get(), key->leaf.get());
    SSL_CTX_use_PrivateKey(server_.get(), key->key.get());
  }

  static Ssl accepting(const SslContext& context) {
    Ssl ssl(SSL_new(context.get()));
    SSL_set_accept_state(ssl.get());
    return ssl;
  }
  static Ssl connecting(const SslContext& context) {
    Ssl ssl(SSL_new(context.get()));
    SSL_set_connect_state(ssl.get());
    return ssl;
  }
  void use_version(int version) const {
    SSL_CTX_set_min_proto_version(client_.get(), version);
    SSL_CTX_set_max_proto_version(client_.get(), version);
  }

  SslContext server_;
  SslContext client_;
};

/// What one side sends under is what the other receives under.
void expect_agreement(const SessionSecrets& client, const SessionSecrets& server) {
  EXPECT_EQ(client.version, server.version);
  EXPECT_EQ(client.cipher, server.cipher);
  EXPECT_EQ(client.role, Role::kClient);
  EXPECT_EQ(server.role, Role::kServer);
  EXPECT_EQ(client.transmit.traffic_secret, server.receive.traffic_secret);
  EXPECT_EQ(client.receive.traffic_secret, server.transmit.traffic_secret);
  EXPECT_EQ(client.transmit.sequence, server.receive.sequence);
  EXPECT_EQ(client.master_secret, server.master_secret);
  EXPECT_EQ(client.client_random, server.client_random);
  EXPECT_EQ(client.server_random, server.server_random);
}

class EveryCipher
    : public HandshakeTest,
      public ::testing::WithParamInterface<std::tuple<int, const char*, Cipher, std::size_t>> {};

TEST_P(EveryCipher, BothSidesAgreeHoweverTheBytesAreCut) {
  const auto [version, name, cipher, piece] = GetParam();
  use_version(version);
  if (version == TLS1_3_VERSION) {
    ASSERT_EQ(SSL_CTX_set_ciphersuites(client_.get(), name), 1);
  } else {
    ASSERT_EQ(SSL_CTX_set_cipher_list(client_.get(), name), 1);
  }
  Handshake client(connecting(client_));
  Handshake server(accepting(server_));
  converse(client, server, piece);
  ASSERT_EQ(client.status(), Status::kDone) << client.reason();
  ASSERT_EQ(server.status(), Status::kDone) << server.reason();
  EXPECT_EQ(client.secrets().cipher, cipher);
  expect_agreement(client.secrets(), server.secrets());
  EXPECT_TRUE(server.leftover().empty());
}

INSTANTIATE_TEST_SUITE_P(Ciphers, EveryCipher,
                         ::testing::Combine(::testing::Values(TLS1_2_VERSION),
                                            ::testing::Values("ECDHE-ECDSA-AES128-GCM-SHA256"),
                                            ::testing::Values(Cipher::kAes128Gcm),
                                            ::testing::Values(1U, 7U, 1U << 20)));
INSTANTIATE_TEST_SUITE_P(Ciphers256, EveryCipher,
                         ::testing::Combine(::testing::Values(TLS1_2_VERSION),
                                            ::testing::Values("ECDHE-ECDSA-AES256-GCM-SHA384"),
                                            ::testing::Values(Cipher::kAes256Gcm),
                                            ::testing::Values(1U << 20)));
INSTANTIATE_TEST_SUITE_P(CiphersChacha, EveryCipher,
                         ::testing::Combine(::testing::Values(TLS1_2_VERSION),
                                            ::testing::Values("ECDHE-ECDSA-CHACHA20-POLY1305"),
                                            ::testing::Values(Cipher::kChacha20Poly1305),
                                            ::testing::Values(1U << 20)));
INSTANTIATE_TEST_SUITE_P(Suites, EveryCipher,
                         ::testing::Combine(::testing::Values(TLS1_3_VERSION),
                                            ::testing::Values("TLS_AES_128_GCM_SHA256"),
                                            ::testing::Values(Cipher::kAes128Gcm),
                                            ::testing::Values(1U, 7U, 1U << 20)));
INSTANTIATE_TEST_SUITE_P(Suites256, EveryCipher,
                         ::testing::Combine(::testing::Values(TLS1_3_VERSION),
                                            ::testing::Values("TLS_AES_256_GCM_SHA384"),
                                            ::testing::Values(Cipher::kAes256Gcm),
                                            ::testing::Values(1U << 20)));
INSTANTIATE_TEST_SUITE_P(SuitesChacha, EveryCipher,
                         ::testing::Combine(::testing::Values(TLS1_3_VERSION),
                                            ::testing::Values("TLS_CHACHA20_POLY1305_SHA256"),
                                            ::testing::Values(Cipher::kChacha20Poly1305),
                                            ::testing::Values(1U << 20)));

TEST_F(HandshakeTest, TicketsAreCounted) {
  for (const std::size_t tickets : {0U, 1U, 2U, 5U}) {
    SSL_CTX_set_num_tickets(server_.get(), tickets);
    Handshake client(connecting(client_));
    Handshake server(accepting(server_));
    converse(client, server);
    ASSERT_EQ(server.status(), Status::kDone);
    EXPECT_EQ(server.secrets().transmit.sequence, tickets);
    EXPECT_EQ(server.secrets().receive.sequence, 0U);
    EXPECT_EQ(client.secrets().receive.sequence, 0U) << "not read by the client yet";
  }
}

TEST_F(HandshakeTest, InTls12FinishedIsRecordZero) {
  use_version(TLS1_2_VERSION);
  Handshake client(connecting(client_));
  Handshake server(accepting(server_));
  converse(client, server);
  for (const auto* secrets : {&client.secrets(), &server.secrets()}) {
    EXPECT_EQ(secrets->transmit.sequence, 1U);
    EXPECT_EQ(secrets->receive.sequence, 1U);
    EXPECT_NE(secrets->next_explicit_nonce, 1U) << "OpenSSL begins at random";
  }
}

/// Sends what it hears of at once.
struct FlightSender final : Handshake::Sender {
  explicit FlightSender(Handshake& from_in) : from(from_in) { from.send_through(*this); }

  void on_flight() noexcept override {
    EXPECT_EQ(from.status(), Status::kWorking);
    const auto output = from.output();
    flights.emplace_back(output.begin(), output.end());
    from.consume_output(output.size());
  }

  Handshake& from;
  std::vector<std::vector<std::byte>> flights;
};

/// `client` begins, and its hello has the whole of one flight for an answer.
void exchange_first_flights(Handshake& client, Handshake& server, const FlightSender& sender) {
  client.start();
  EXPECT_EQ(server.feed(client.output()), Status::kWorking);
  client.consume_output(client.output().size());
  ASSERT_EQ(sender.flights.size(), 1U);
  EXPECT_TRUE(server.output().empty()) << "it was all in the flight";
  client.feed(sender.flights.front());
}

TEST_F(HandshakeTest, AFlightMayGoBeforeTheNextKeysAreMade) {
  Handshake client(connecting(client_));
  Handshake server(accepting(server_));
  FlightSender sender(server);
  ASSERT_NO_FATAL_FAILURE(exchange_first_flights(client, server, sender));
  EXPECT_EQ(client.status(), Status::kDone);
  EXPECT_EQ(server.feed(client.output()), Status::kDone);
  EXPECT_EQ(sender.flights.size(), 1U) << "nobody waits for tickets";
  EXPECT_FALSE(server.output().empty());
  expect_agreement(client.secrets(), server.secrets());
}

TEST_F(HandshakeTest, InTls12AServerHasTwoFlights) {
  use_version(TLS1_2_VERSION);
  Handshake client(connecting(client_));
  Handshake server(accepting(server_));
  FlightSender sender(server);
  ASSERT_NO_FATAL_FAILURE(exchange_first_flights(client, server, sender));
  EXPECT_EQ(client.status(), Status::kWorking);
  EXPECT_EQ(server.feed(client.output()), Status::kDone);
  ASSERT_EQ(sender.flights.size(), 2U);
  EXPECT_TRUE(server.output().empty());
  EXPECT_EQ(client.feed(sender.flights.back()), Status::kDone);
  expect_agreement(client.secrets(), server.secrets());
}

/// A plain OpenSSL client over memory, which can send data after its Finished in one segment.
class PlainClient {
 public:
  explicit PlainClient(Ssl ssl) : ssl_(std::move(ssl)) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }

  void run(std::span<const std::byte> input) {
    BIO_write(SSL_get_rbio(ssl_.get()), input.data(), static_cast<int>(input.size()));
    SSL_do_handshake(ssl_.get());
  }
  int write(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  }
  std::string take_output() {
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), '\0');
    BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }

 private:
  Ssl ssl_;
};

TEST_F(HandshakeTest, WhatFollowsTheLastRecordIsLeftOverAtEveryCut) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    use_version(version);
    PlainClient client(connecting(client_));
    Handshake server(accepting(server_));
    client.run({});
    server.feed(bytes_of(client.take_output()));
    client.run(server.output());
    server.consume_output(server.output().size());
    std::string flight = client.take_output();
    if (version == TLS1_2_VERSION) {
      // The server's Finished is still to come; what follows the client's must wait for it.
      ASSERT_EQ(server.feed(bytes_of(flight)), Status::kDone);
      continue;
    }
    const std::size_t finished = flight.size();
    client.write("early ");
    client.write("words");
    flight += client.take_output();
    // The cut decides how much of the two records is there when OpenSSL is done.
    ASSERT_EQ(server.feed(bytes_of(flight).first(finished - 1)), Status::kWorking);
    const std::size_t extra = 9;
    ASSERT_EQ(server.feed(bytes_of(flight).subspan(finished - 1, 1 + extra)), Status::kDone);
    ASSERT_EQ(server.leftover().size(), extra);
    EXPECT_EQ(std::memcmp(server.leftover().data(), flight.data() + finished, extra), 0);
    EXPECT_EQ(server.secrets().receive.sequence, 0U);
  }
}

TEST_F(HandshakeTest, GarbageIsRefused) {
  for (const std::string_view text :
       {std::string_view("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        std::string_view("SSH-2.0-x\r\n"), std::string_view("\x16\x03\x01\xff\xff\x01\x00", 7),
        std::string_view("\0\0\0\0\0\0\0\0", 8)}) {
    Handshake server(accepting(server_));
    EXPECT_EQ(server.feed(bytes_of(text)), Status::kFailed);
    EXPECT_EQ(server.failure(), Failure::kProtocol);
    EXPECT_FALSE(server.reason().empty());
    EXPECT_NE(server.reason(), "unknown reason");
  }
}

TEST_F(HandshakeTest, AnOldClientIsToldSo) {
  use_version(TLS1_2_VERSION);
  SSL_CTX_set_min_proto_version(server_.get(), TLS1_3_VERSION);
  Handshake strict(accepting(server_));
  Handshake client(connecting(client_));
  converse(client, strict);
  EXPECT_EQ(strict.status(), Status::kFailed);
  EXPECT_EQ(strict.reason(), "unsupported protocol");
  EXPECT_EQ(client.reason(), "tlsv1 alert protocol version");
}

TEST_F(HandshakeTest, EndlessInputIsRefused) {
  Handshake server(accepting(server_));
  const std::vector<std::byte> much(Handshake::kMaxInput + 1);
  EXPECT_EQ(server.feed(much), Status::kFailed);
  EXPECT_EQ(server.reason(), "the handshake is too long");
}

TEST_F(HandshakeTest, WithoutMemoryItHasFailedFromTheStart) {
  Handshake none{Ssl()};
  EXPECT_EQ(none.status(), Status::kFailed);
  EXPECT_EQ(none.start(), Status::kFailed);
}

TEST_F(HandshakeTest, AShorterFragmentIsHandedOver) {
  SSL_CTX_set_tlsext_max_fragment_length(client_.get(), TLSEXT_max_fragment_length_1024);
  Handshake client(connecting(client_));
  Handshake server(accepting(server_));
  converse(client, server);
  EXPECT_EQ(server.secrets().max_fragment, 1024);
}

}  // namespace
}  // namespace sluice::tls
