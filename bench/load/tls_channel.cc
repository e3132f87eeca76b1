#include "tls_channel.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::bench {
namespace {

// One read of the socket. Less than what callers have room for (Pattern::kPiece), so that it fits
// together with what was left of a record.
constexpr std::size_t kSocketRead = std::size_t{224} << 10;

TlsChannel& channel_of(BIO* bio) {
  return *static_cast<TlsChannel*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const std::size_t taken = channel_of(bio).take_received(bytes, static_cast<std::size_t>(size));
  if (taken > 0) return static_cast<int>(taken);
  BIO_set_retry_read(bio);
  return -1;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  channel_of(bio).put_unsent(bytes, static_cast<std::size_t>(size));
  return size;
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* make_bio(TlsChannel& channel) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench channel");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, &channel);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

TlsChannel::TlsChannel(Fd fd, Ssl ssl, TlsMemory& memory, TlsTally& tally)
    : Channel(std::move(fd)), ssl_(std::move(ssl)), memory_(memory), tally_(tally) {
  BIO* bio = make_bio(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
}

TlsChannel::~TlsChannel() {
  if (!has_handshake_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  static_cast<void>(flush());
}

TlsChannel& TlsChannel::of(SSL* ssl) {
  return *static_cast<TlsChannel*>(SSL_get_app_data(ssl));
}

std::size_t TlsChannel::take_received(char* bytes, std::size_t size) {
  const std::size_t taken = std::min(size, received_size_);
  std::memcpy(bytes, received_, taken);
  received_ += taken;
  received_size_ -= taken;
  return taken;
}

TlsChannel::Fetched TlsChannel::fetch() {
  static std::array<char, kSocketRead> scratch;  // one thread; what is left over goes to rest_
  const ssize_t size = recv(fd().get(), scratch.data(), scratch.size(), 0);
  if (size == 0) return Fetched::kEnd;
  if (size < 0) return errno == EAGAIN ? Fetched::kNothing : Fetched::kError;
  received_ = scratch.data();
  received_size_ = static_cast<std::size_t>(size);
  return Fetched::kBytes;
}

void TlsChannel::save_rest() {
  rest_ = std::string(received_, received_size_);
  received_ = rest_.data();
}

Progress TlsChannel::shake_hands() {
  if (has_handshake_) return Progress::kDone;
  while (true) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (!flush()) return Progress::kFailed;
    if (result == 1) {
      has_handshake_ = true;
      ++tally_.handshakes;
      if (SSL_session_reused(ssl_.get()) == 1) ++tally_.resumed;
      save_rest();
      return Progress::kDone;
    }
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) return Progress::kFailed;
    const Fetched fetched = fetch();
    if (fetched == Fetched::kNothing) return Progress::kPending;
    if (fetched != Fetched::kBytes) return Progress::kFailed;
  }
}

ssize_t TlsChannel::send(const char* bytes, std::size_t size) {
  if (!flush()) return -1;
  if (has_unsent()) {
    errno = EAGAIN;
    return -1;
  }
  ERR_clear_error();
  const int taken = SSL_write(ssl_.get(), bytes, static_cast<int>(size));
  if (taken <= 0) {
    errno = EPROTO;
    return -1;
  }
  return flush() ? taken : -1;
}

ssize_t TlsChannel::receive(char* bytes, std::size_t size, Reading) {
  if (!flush()) return -1;
  const Fetched fetched = received_size_ > 0 ? Fetched::kBytes : fetch();
  if (fetched == Fetched::kEnd) return 0;
  if (fetched == Fetched::kError) return -1;
  std::size_t total = 0;
  ERR_clear_error();
  while (total < size) {
    const int got = SSL_read(ssl_.get(), bytes + total, static_cast<int>(size - total));
    if (got > 0) {
      total += static_cast<std::size_t>(got);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), got);
    if (error == SSL_ERROR_WANT_READ) break;
    if (error == SSL_ERROR_ZERO_RETURN) return static_cast<ssize_t>(total);
    errno = EPROTO;
    return -1;
  }
  save_rest();
  if (total > 0) return static_cast<ssize_t>(total);
  errno = EAGAIN;
  return -1;
}

bool TlsChannel::flush() {
  while (flushed_ < unsent_.size()) {
    const ssize_t sent =
        ::send(fd().get(), unsent_.data() + flushed_, unsent_.size() - flushed_, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    flushed_ += static_cast<std::size_t>(sent);
  }
  unsent_.clear();
  flushed_ = 0;
  return true;
}

}  // namespace sluice::bench
