// A connection in TLS: OpenSSL between the caller and buffers of ours, which a system call fills or
// empties as a whole. OpenSSL's own way is one or two calls for each record of 16 KiB.
#pragma once

#include <string>

#include "tls.h"

namespace sluice::bench {

class TlsChannel final : public Channel {
 public:
  TlsChannel(Fd fd, Ssl ssl, TlsMemory& memory, TlsTally& tally);
  /// Says close_notify, where there has been a handshake.
  ~TlsChannel() override;

  [[nodiscard]] Progress shake_hands() override;
  [[nodiscard]] ssize_t send(const char* bytes, std::size_t size) override;
  /// Gives all that one call to the socket brought, where `size` is kLargestRead; more is kept for
  /// the next call, of which the socket does not tell.
  [[nodiscard]] ssize_t receive(char* bytes, std::size_t size, Reading reading) override;
  [[nodiscard]] bool flush() override;
  [[nodiscard]] bool has_unsent() const override { return !unsent_.empty(); }

  static TlsChannel& of(SSL* ssl);
  void keep(SslSession session) { memory_.session = std::move(session); }

  /// The two ends that OpenSSL sees (a BIO's): bytes that have arrived, and bytes to be sent.
  [[nodiscard]] std::size_t take_received(char* bytes, std::size_t size);
  void put_unsent(const char* bytes, std::size_t size) { unsent_.append(bytes, size); }

 private:
  enum class Fetched { kBytes, kNothing, kEnd, kError };
  [[nodiscard]] Fetched fetch();
  void save_rest();

  Ssl ssl_;
  TlsMemory& memory_;
  TlsTally& tally_;
  std::string unsent_;  ///< of which the first `flushed_` bytes are sent
  std::size_t flushed_ = 0;
  std::string rest_;  ///< bytes received before and not taken by OpenSSL
  const char* received_ = "";
  std::size_t received_size_ = 0;
  bool has_handshake_ = false;
};

}  // namespace sluice::bench
