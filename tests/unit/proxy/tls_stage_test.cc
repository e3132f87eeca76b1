#include "proxy/tls_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include "session_bench.h"
#include "test_handshake.h"
#include "tls/policy.h"

namespace sluice::proxy {
namespace {

using Progress = Stage::Progress;

const tls::TestAuthority& authority() {
  static const tls::TestAuthority made("test authority");
  return made;
}

/// A context of OpenSSL's own, for the far end.
tls::SslContext plain_context(const SSL_METHOD* method) {
  return std::move(*tls::make_context(method, TlsVersion::kTls12));
}

/// A stage on the near end of a connection, on a loop of its own.
class TlsStageTest : public ::testing::Test, private StageHost {
 protected:
  TlsStageTest() : keys_(base::Clock::now()) {
    files_.add_certificate("site", authority().issue({.names = {"a.test"}}));
    frontend_.name = "front";
    frontend_.tls.emplace().certificates = {"site"};
    const auto store = tls::CertificateStore::load(files_.config);
    context_ = std::move(*tls::FrontendContext::create(frontend_, *store, keys_));
  }
  ~TlsStageTest() override {
    loop_.run([this] { stage_->stop(); });
    EXPECT_TRUE(loop_.wait_until([this] { return stage_->is_quiet(); }));
    loop_.run([this] { stage_.reset(); });
  }

  void begin(Side with, tls::Ssl (*make)(TlsStageTest&)) {
    loop_.run([&] {
      const int fd = pair_.near.get();
      const StageSeat seat{loop_.parts().relay, *this, findings_, fd, fd, 0, 1};
      stage_ = std::make_unique<TlsStage>(seat, with, base::milliseconds(0), make(*this), tickets_);
      stage_->start();
    });
  }
  /// As the server of a client at the far end.
  void begin_with_client() {
    begin(Side::kClient, [](TlsStageTest& self) { return self.context_->make_ssl(); });
  }
  /// As the client of a server at the far end.
  void begin_with_server(const std::string& name) {
    server_ = tls::client_of(name, authority().certificate());
    begin(Side::kServer, [](TlsStageTest& self) { return self.server_->make_ssl(""); });
  }

  /// What it has come to.
  Progress wait() {
    EXPECT_TRUE(loop_.wait_until([this] { return stage_->progress() != Progress::kWorking; }));
    return loop_.run([this] { return stage_->progress(); });
  }
  void expect_failed(CloseReason reason, Side side, const std::string& problem) {
    EXPECT_EQ(wait(), Progress::kFailed);
    EXPECT_EQ(to_string(stage_->ending().reason), to_string(reason));
    EXPECT_EQ(stage_->ending().side, side);
    EXPECT_EQ(findings_.problem, problem);
  }

  tls::Ssl far_end(const tls::SslContext& context) const {
    tls::Ssl ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), pair_.far.get());
    return ssl;
  }

  void on_stage_progress() noexcept override {}

  tls::TicketKeys keys_;
  tls::TestFiles files_;
  FrontendConfig frontend_;
  std::unique_ptr<tls::FrontendContext> context_;
  std::unique_ptr<tls::ServerContext> server_;
  TcpPair pair_ = make_tcp_pair();
  Findings findings_;
  TlsStage::Tickets tickets_ = TlsStage::Tickets::kAtOnce;
  reactor::LoopThread<SessionParts> loop_;
  std::unique_ptr<TlsStage> stage_;
};

TEST_F(TlsStageTest, AClientIsGreeted) {
  begin_with_client();
  const auto context = plain_context(TLS_client_method());
  const tls::Ssl client = far_end(context);
  SSL_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>("A.Test"));
  ASSERT_EQ(SSL_connect(client.get()), 1);
  ASSERT_EQ(wait(), Progress::kDone);
  ASSERT_NE(findings_.client_tls, nullptr);
  EXPECT_EQ(findings_.server_name, "a.test");
  EXPECT_STREQ(findings_.client_tls->negotiated.version, "TLSv1.3");
  EXPECT_EQ(findings_.client_tls->secrets.role, tls::Role::kServer);
  EXPECT_TRUE(findings_.from_client.empty());
}

/// Whether something has been said to the client that it has not read.
bool has_more(const TcpPair& pair) {
  std::byte one{};
  return recv(pair.far.get(), &one, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

TEST_F(TlsStageTest, TicketsAreSentOrLeftForTheRelay) {
  for (const auto tickets : {TlsStage::Tickets::kAtOnce, TlsStage::Tickets::kWithRelay}) {
    tickets_ = tickets;
    begin_with_client();
    const auto context = plain_context(TLS_client_method());
    const tls::Ssl client = far_end(context);
    ASSERT_EQ(SSL_connect(client.get()), 1);
    ASSERT_EQ(wait(), Progress::kDone);
    const bool are_left = tickets == TlsStage::Tickets::kWithRelay;
    EXPECT_EQ(findings_.client_tls->unsent.empty(), !are_left);
    EXPECT_EQ(has_more(pair_), !are_left);
    EXPECT_EQ(findings_.client_tls->secrets.transmit.sequence, 2U);
    loop_.run([this] { stage_.reset(); });
    findings_ = {};
    pair_ = make_tcp_pair();
  }
  begin_with_client();
}

/// A client over memory: the test carries its bytes.
class CarriedClient {
 public:
  explicit CarriedClient(const tls::SslContext& context) : ssl_(SSL_new(context.get())) {
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
  }
  bool shake_hands() { return SSL_do_handshake(ssl_.get()) == 1; }
  [[nodiscard]] bool has_output() const { return BIO_ctrl_pending(out_) > 0; }
  Bytes take_output() {
    Bytes bytes(BIO_ctrl_pending(out_));
    BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  /// What comes from `fd` behind `junk` bytes goes to the client until it has something to say or
  /// is done, which this gives.
  bool listen(int fd, std::size_t junk) {
    Bytes chunk(std::size_t{1} << 16);
    for (;;) {
      const ssize_t got = recv(fd, chunk.data(), chunk.size(), 0);
      if (got <= 0) throw std::runtime_error("the flight does not come");
      const std::size_t skipped = std::min(junk, static_cast<std::size_t>(got));
      junk -= skipped;
      const auto said = std::span(chunk).first(static_cast<std::size_t>(got)).subspan(skipped);
      BIO_write(in_, said.data(), static_cast<int>(said.size()));
      const bool is_done = shake_hands();
      if (is_done || has_output()) return is_done;
    }
  }

 private:
  BIO* in_ = BIO_new(BIO_s_mem());
  BIO* out_ = BIO_new(BIO_s_mem());
  tls::Ssl ssl_;
};

/// Writes to a socket until it takes no more; gives how much.
std::size_t fill(int fd) {
  const Bytes much(std::size_t{1} << 16);
  std::size_t total = 0;
  for (ssize_t sent = 0; (sent = send(fd, much.data(), much.size(), MSG_DONTWAIT)) > 0;) {
    total += static_cast<std::size_t>(sent);
  }
  return total;
}

class EveryFlight : public TlsStageTest, public ::testing::WithParamInterface<int> {};

/// Also the last one of TLS 1.2, after which the handshake is done and which is no ticket.
TEST_P(EveryFlight, WaitsForRoom) {
  tickets_ = TlsStage::Tickets::kWithRelay;
  const timeval limit{20, 0};
  setsockopt(pair_.far.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  begin_with_client();
  const auto context = plain_context(TLS_client_method());
  SSL_CTX_set_max_proto_version(context.get(), GetParam());
  CarriedClient client(context);
  for (bool is_done = client.shake_hands(); !is_done;) {
    const std::size_t junk = loop_.run([this] { return fill(pair_.near.get()); });
    ASSERT_GT(junk, 0U);
    ASSERT_TRUE(send_all(pair_.far.get(), client.take_output()));
    is_done = client.listen(pair_.far.get(), junk);
  }
  if (client.has_output()) {
    ASSERT_TRUE(send_all(pair_.far.get(), client.take_output()));
  }
  EXPECT_EQ(wait(), Progress::kDone);
  EXPECT_EQ(findings_.client_tls->unsent.empty(), GetParam() == TLS1_2_VERSION);
}
INSTANTIATE_TEST_SUITE_P(Versions, EveryFlight, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_F(TlsStageTest, WhatAnEarlierStageHasReadComesFirst) {
  const auto context = plain_context(TLS_client_method());
  const tls::Ssl client = far_end(context);
  SSL_set_connect_state(client.get());
  BIO* const hello = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), hello);
  SSL_do_handshake(client.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(hello, &bytes);
  const auto* const first = reinterpret_cast<const std::byte*>(bytes);
  findings_.from_client.assign(first, first + size);
  SSL_set_fd(client.get(), pair_.far.get());
  begin_with_client();
  EXPECT_EQ(SSL_do_handshake(client.get()), 1);
  EXPECT_EQ(wait(), Progress::kDone);
}

TEST_F(TlsStageTest, AClientThatGoesHasFailed) {
  begin_with_client();
  ASSERT_TRUE(send_all(pair_.far.get(), Bytes{std::byte{22}, std::byte{3}}));
  pair_.far.reset();
  expect_failed(CloseReason::kHandshakeFailed, Side::kClient, "closed during the handshake");
}

TEST_F(TlsStageTest, AClientThatBreaksOffHasFailed) {
  begin_with_client();
  reset(pair_.far);
  expect_failed(CloseReason::kHandshakeFailed, Side::kClient, "lost during the handshake");
}

TEST_F(TlsStageTest, GarbageIsAnsweredWithAnAlert) {
  begin_with_client();
  // A record of a handshake with a message that no client begins with.
  ASSERT_TRUE(send_all(pair_.far.get(),
                       Bytes{std::byte{22}, std::byte{3}, std::byte{1}, std::byte{0}, std::byte{4},
                             std::byte{99}, std::byte{0}, std::byte{0}, std::byte{0}}));
  EXPECT_EQ(wait(), Progress::kFailed);
  const Bytes alert = receive_exactly(pair_.far.get(), 7);
  ASSERT_EQ(alert.size(), 7U);
  EXPECT_EQ(alert[0], std::byte{21});
  EXPECT_EQ(alert[6], std::byte{10}) << "unexpected_message";
}

TEST_F(TlsStageTest, TimeOver) {
  begin_with_client();
  loop_.run([this] { stage_->expire(); });
  EXPECT_EQ(wait(), Progress::kFailed);
  EXPECT_EQ(stage_->ending().reason, CloseReason::kHandshakeTimeout);
  EXPECT_EQ(stage_->ending().side, Side::kClient);
}

/// A server at the far end, in a thread; `heard` is the application data that reached it.
class FarServer {
 public:
  FarServer(tls::Ssl ssl, const tls::Pem& pem) : ssl_(std::move(ssl)) {
    // OpenSSL uses write(2): a ticket may go to a socket that has been closed meanwhile.
    std::signal(SIGPIPE, SIG_IGN);
    const auto key = tls::parse_certified_key("server", pem.certificate, pem.key);
    SSL_use_certificate(ssl_.get(), key->leaf.get());
    SSL_use_PrivateKey(ssl_.get(), key->key.get());
    thread_ = std::thread([this] {
      std::array<char, 64> bytes{};
      has_shaken_ = SSL_accept(ssl_.get()) == 1;
      if (has_shaken_) heard_ = SSL_read(ssl_.get(), bytes.data(), bytes.size());
    });
  }
  ~FarServer() { thread_.join(); }

  void join() {
    thread_.join();
    thread_ = std::thread([] {});
  }
  [[nodiscard]] bool has_shaken() const { return has_shaken_; }
  [[nodiscard]] int heard() const { return heard_; }

 private:
  tls::Ssl ssl_;
  std::atomic<bool> has_shaken_{false};
  std::atomic<int> heard_{0};
  std::thread thread_;
};

TEST_F(TlsStageTest, AServerIsIntroducedTo) {
  const auto context = plain_context(TLS_server_method());
  FarServer far(far_end(context), authority().issue({.names = {"app.test"}}));
  begin_with_server("app.test");
  EXPECT_EQ(wait(), Progress::kDone);
  ASSERT_NE(findings_.server_tls, nullptr);
  EXPECT_EQ(findings_.server_tls->secrets.role, tls::Role::kClient);
  EXPECT_EQ(findings_.server_tls->negotiated.server_name, "app.test");
  pair_.near.reset();
  far.join();
  EXPECT_TRUE(far.has_shaken());
}

TEST_F(TlsStageTest, AServerThatDoesNotVerifyHearsNothing) {
  const auto context = plain_context(TLS_server_method());
  FarServer far(far_end(context), authority().issue({.names = {"other.test"}}));
  begin_with_server("app.test");
  expect_failed(CloseReason::kVerifyFailed, Side::kServer, "hostname mismatch");
  EXPECT_EQ(findings_.server_tls, nullptr);
  far.join();
  EXPECT_LE(far.heard(), 0);
}

TEST_F(TlsStageTest, WithoutMemoryItFailsOnOurSide) {
  begin(Side::kClient, [](TlsStageTest&) { return tls::Ssl(); });
  expect_failed(CloseReason::kLimit, Side::kUs, "out of memory");
}

}  // namespace
}  // namespace sluice::proxy
