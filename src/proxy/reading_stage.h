// What stages have in common that read from the client until they know enough: one-shot receives
// into one buffer, and what reads mean that bring nothing.
//
// Bytes that a stage before this one has left come first. Who derives from it keeps what it takes.
// Thread: its worker's.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "proxy/stage.h"
#include "uring/completion.h"

namespace sluice::proxy {

class ReadingStage : public Stage {
 public:
  void start() noexcept override;
  [[nodiscard]] bool is_quiet() const noexcept override { return !receive_.is_in_flight(); }

 protected:
  static constexpr std::size_t kBufferBytes = 4096;

  using Stage::Stage;

  /// The next bytes; more are read until the stage is done or has failed.
  virtual void take(std::span<const std::byte> bytes) noexcept = 0;

 private:
  void cancel() noexcept override;
  void on_receive(uring::Outcome outcome) noexcept;
  void wait_unless_over() noexcept;

  std::array<std::byte, kBufferBytes> buffer_;
  uring::Op<&ReadingStage::on_receive> receive_{*this};
};

}  // namespace sluice::proxy
