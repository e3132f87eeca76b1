// A session's two directions with TLS on one or both sockets, in the user gear or in the kernel's;
// the far ends are OpenSSL's, or plain.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "loop_thread.h"
#include "proxy/secure_relay.h"
#include "relay_bench.h"
#include "ssl_pair.h"
#include "tcp.h"
#include "tls/ktls_probe.h"

namespace sluice::proxy {

/// What this kernel can do; found out once.
inline const tls::KtlsAbility& ktls_ability() {
  static const tls::KtlsAbility kAbility = tls::ability_of(tls::probe_ktls());
  return kAbility;
}

struct SecureOptions {
  RecordBuffers::Limits limits{};
  tls::KtlsUse use = tls::KtlsUse::kNever;
  RelayParts::Options relay{};
};

struct SecureParts {
  explicit SecureParts(uring::Ring ring, SecureOptions options = {})
      : plain(std::move(ring), options.relay),
        secure(plain.context, value_or_throw(tls::Aead::create()), options.limits) {
    secure.ktls.use = options.use;
    if (options.use != tls::KtlsUse::kNever) secure.ktls.ability = ktls_ability();
  }

  void on_turn_end() noexcept {
    plain.context.end_turn();
    secure.end_turn();
  }

  RelayParts plain;
  SecureContext secure;
  reactor::Reactor& reactor = plain.reactor;
};

using SecureLoop = reactor::LoopThread<SecureParts>;

/// What a far end's socket speaks.
struct Speaks {
  bool tls = true;
  tls::Version version = tls::Version::kTls13;
  tls::Cipher cipher = tls::Cipher::kAes128Gcm;
  /// Records that our key is taken to have protected before; the far end cannot read any then.
  std::uint64_t records_before = 0;
  std::uint16_t max_fragment = wire::kMaxPlaintext;  ///< of our records, as agreed on
};
inline constexpr Speaks kPlain{.tls = false};

/// A far end of the session on a socket: a person's view of the connection.
class FarEnd {
 public:
  FarEnd(int fd, Speaks speaks, tls::Role ours) : fd_(fd), speaks_(speaks) {
    if (speaks.tls) pair_.emplace(speaks.version, speaks.cipher, ours);
  }

  [[nodiscard]] tls::test::SslPair* pair() { return pair_ ? &*pair_ : nullptr; }
  /// Our end of it; null where it is plain.
  [[nodiscard]] std::unique_ptr<SecureLeg> make_leg() {
    if (!pair_) return nullptr;
    tls::SessionSecrets secrets = pair_->secrets();
    secrets.transmit.sequence += speaks_.records_before;
    secrets.max_fragment = speaks_.max_fragment;
    return SecureLeg::make(secrets);
  }
  /// What it says beside data right after the handshake.
  [[nodiscard]] Bytes greeting() { return pair_ ? pair_->take_output() : Bytes{}; }

  bool write(const Bytes& bytes) {
    if (!pair_) return send_all(fd_, bytes);
    const bool is_sent = send_all(fd_, pair_->write(tls::test::to_text(bytes)));
    return is_sent;
  }
  bool write(std::string_view text) { return write(tls::test::to_bytes(text)); }
  bool say_raw(const Bytes& bytes) { return send_all(fd_, bytes); }

  /// Until `count` bytes have come, or the connection or its TLS has ended.
  Bytes read(std::size_t count) {
    Bytes all = std::move(read_);
    read_.clear();
    while (all.size() < count && !is_over_) {
      const Bytes more = read_some();
      all.insert(all.end(), more.begin(), more.end());
    }
    if (all.size() > count) {
      read_.assign(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
      all.resize(count);
    }
    return all;
  }
  std::string read_text(std::size_t count) { return tls::test::to_text(read(count)); }

  void say_close_notify() {
    SSL_shutdown(pair_->other());
    EXPECT_TRUE(send_all(fd_, pair_->take_output()));
  }
  void shut() { shut_down_writing(fd_); }

  /// Reads to the end and says how it came.
  enum class End { kCloseNotify, kFin, kReset, kAlert };
  End wait_for_end() {
    while (!is_over_) {
      const Bytes more = read_some();
      read_.insert(read_.end(), more.begin(), more.end());
    }
    return end_;
  }
  /// What came before the end and has not been read.
  [[nodiscard]] const Bytes& rest() const { return read_; }

 private:
  Bytes read_some() {
    Bytes bytes(64 * 1024);
    const auto got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (got <= 0) {
      is_over_ = true;
      end_ = got == 0 ? End::kFin : End::kReset;
      return {};
    }
    bytes.resize(static_cast<std::size_t>(got));
    if (!pair_) return bytes;
    pair_->feed(bytes);
    const std::string text = pair_->read();
    if (pair_->last_error() == SSL_ERROR_ZERO_RETURN) {
      is_over_ = true;
      end_ = End::kCloseNotify;
    } else if (pair_->last_error() == SSL_ERROR_SSL) {
      is_over_ = true;
      end_ = End::kAlert;
      ERR_clear_error();
    }
    const Bytes answer = pair_->take_output();
    if (!answer.empty()) static_cast<void>(send_all(fd_, answer));
    return tls::test::to_bytes(text);
  }

  int fd_;
  Speaks speaks_;
  std::optional<tls::test::SslPair> pair_;
  Bytes read_;
  bool is_over_ = false;
  End end_ = End::kFin;
};

/// Writes from another thread, since the test's own reads meanwhile.
inline void expect_carried(FarEnd& from, FarEnd& to, const Bytes& bytes) {
  auto written = std::async(std::launch::async, [&] { return from.write(bytes); });
  const Bytes arrived = to.read(bytes.size());
  EXPECT_TRUE(written.get());
  EXPECT_TRUE(arrived == bytes) << arrived.size() << " of " << bytes.size();
}

/// Both directions, judged as a session judges them.
class SecureSession final : private RelayHost {
 public:
  SecureSession(SecureLoop& loop, Speaks client_speaks, Speaks server_speaks)
      : SecureSession(loop, client_speaks, server_speaks, make_tcp_pair(), make_tcp_pair()) {}
  /// `early`: what the stage has read of the client's beyond the handshake.
  SecureSession(SecureLoop& loop, Speaks client_speaks, Speaks server_speaks, TcpPair client_pair,
                TcpPair server_pair, const std::function<Bytes(FarEnd&)>& early = {})
      : client_sockets(std::move(client_pair)),
        server_sockets(std::move(server_pair)),
        client(client_sockets.far.get(), client_speaks, tls::Role::kServer),
        server(server_sockets.far.get(), server_speaks, tls::Role::kClient),
        loop_(loop) {
    const Bytes prefix = early ? early(client) : client.greeting();
    loop_.run([this, &prefix] { begin(prefix); });
  }
  ~SecureSession() {
    loop_.run([this] {
      if (up_) up_->stop();
      if (down_) down_->stop();
    });
    EXPECT_TRUE(loop_.wait_until([this] { return up_->is_quiet() && down_->is_quiet(); }));
    loop_.run([this] {
      up_.reset();
      down_.reset();
      is_closed_ = true;
    });
  }

  [[nodiscard]] std::optional<Ending> ending() {
    return loop_.run([this] { return ending_; });
  }
  [[nodiscard]] bool wait_for_ending() {
    return loop_.wait_until([this] { return ending_.has_value(); });
  }
  template <typename Condition>
  bool wait_for(Condition condition) {
    return loop_.wait_until([&] { return condition(*up_, *down_); });
  }
  std::uint64_t bytes_up() {
    return loop_.run([this] { return up_->bytes(); });
  }

  TcpPair client_sockets;
  TcpPair server_sockets;
  FarEnd client;
  FarEnd server;

 private:
  void begin(const Bytes& prefix) {
    SecureContext& context = loop_.parts().secure;
    client_leg_ = client.make_leg();
    server_leg_ = server.make_leg();
    const int client_fd = client_sockets.near.get();
    const int server_fd = server_sockets.near.get();
    RelayHost& host = *this;
    up_.emplace(context, host, run_, DirectionEnds{client_fd, server_fd, first_, second_},
                SecureRelay::Legs{client_leg_.get(), server_leg_.get()});
    down_.emplace(context, host, run_, DirectionEnds{server_fd, client_fd, first_, second_},
                  SecureRelay::Legs{server_leg_.get(), client_leg_.get()});
    up_->begin_with(prefix);
    down_->begin_with(server.greeting());
    up_->advance();
    down_->advance();
  }

  void on_relay_progress() noexcept override {
    if (is_closed_ || !up_ || !down_ || ending_) return;
    if (up_->state().sink_failed && !down_->state().source_ended) down_->mark_source_broken();
    if (down_->state().sink_failed && !up_->state().source_ended) up_->mark_source_broken();
    const Judgement judgement = judge(up_->state(), down_->state(), Side::kClient);
    switch (judgement.verdict) {
      case Verdict::kContinue:
        return;
      case Verdict::kPassEndUpstream:
        return pass_end(*up_);
      case Verdict::kPassEndDownstream:
        return pass_end(*down_);
      case Verdict::kFinish:
      case Verdict::kResetServer:
      case Verdict::kResetClient:
        break;
    }
    ending_ = judgement.ending;
    up_->stop();
    down_->stop();
    if (judgement.verdict == Verdict::kResetServer) reset_linger(server_sockets.near.get());
    if (judgement.verdict == Verdict::kResetClient) reset_linger(client_sockets.near.get());
    client_sockets.near.reset();
    server_sockets.near.reset();
  }

  /// No completion follows where the end went out at once, and it may have been the last one.
  void pass_end(Direction& direction) noexcept {
    direction.pass_end();
    if (direction.state().sink_shut) on_relay_progress();
  }

  static void reset_linger(int fd) {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  SecureLoop& loop_;
  Run run_;
  stats::Counter first_;
  stats::Counter second_;
  std::unique_ptr<SecureLeg> client_leg_;
  std::unique_ptr<SecureLeg> server_leg_;
  std::optional<SecureRelay> up_;
  std::optional<SecureRelay> down_;
  std::optional<Ending> ending_;
  bool is_closed_ = false;
};

/// A KeyUpdate, which OpenSSL says with its next write.
inline void ask_for_key(FarEnd& end, int kind = SSL_KEY_UPDATE_REQUESTED) {
  ASSERT_EQ(SSL_key_update(end.pair()->other(), kind), 1);
}

/// So many bytes go down in parts; before one part in `every` the client asks for a new key.
inline void expect_bulk_down_with_new_keys(SecureSession& session, std::size_t size,
                                           std::size_t every) {
  constexpr std::size_t kPart = 500'000;
  const Bytes bytes = tls::test::pattern(size);
  auto written = std::async(std::launch::async, [&] { return session.server.write(bytes); });
  Bytes arrived;
  for (std::size_t part = 0; arrived.size() < bytes.size(); ++part) {
    if (part % every == 0) {
      ask_for_key(session.client);
      ASSERT_TRUE(session.client.write("x"));
      ASSERT_EQ(session.server.read_text(1), "x");
    }
    const Bytes more = session.client.read(std::min(kPart, bytes.size() - arrived.size()));
    ASSERT_FALSE(more.empty());
    arrived.insert(arrived.end(), more.begin(), more.end());
  }
  EXPECT_TRUE(written.get());
  EXPECT_TRUE(arrived == bytes);
}

}  // namespace sluice::proxy
