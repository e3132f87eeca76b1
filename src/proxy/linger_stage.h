// Reads and drops what a client still sends after it has been answered for the last time.
//
// A socket that is closed with unread bytes resets the connection, and a reset takes from many
// clients what they were told just before: one that is still sending its request would see a broken
// connection and not the answer. Done when the client ends its side. Limits: `kTime` and
// `kMaxBytes`. Thread: its worker's.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/stage.h"
#include "uring/completion.h"

namespace sluice::proxy {

class LingerStage final : public Stage {
 public:
  static constexpr std::chrono::seconds kTime{5};
  static constexpr std::uint64_t kMaxBytes = std::uint64_t{16} * 1024 * 1024;

  explicit LingerStage(const StageSeat& seat)
      : Stage(seat, {kTime, {CloseReason::kRequestTimeout, Side::kClient}}) {}

  void start() noexcept override { wait(); }
  [[nodiscard]] bool is_quiet() const noexcept override { return !readable_.is_in_flight(); }

 private:
  static constexpr std::size_t kBufferBytes = 4096;
  static constexpr std::uint64_t kTurnBytes = std::uint64_t{1024} * 1024;

  void cancel() noexcept override;
  void on_readable(uring::Outcome outcome) noexcept;
  void wait() noexcept;

  std::uint64_t dropped_ = 0;
  std::array<std::byte, kBufferBytes> buffer_;
  uring::Op<&LingerStage::on_readable> readable_{*this};
};

}  // namespace sluice::proxy
