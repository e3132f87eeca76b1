// Follows what a server says first on a connection, up to the status line of its first final
// answer, behind which it puts a header line of ours.
//
//   status line --> (1xx but 101) interim head --> status line
//        |
//        +--> final: the line is put in --> done: the rest goes by
//        +--> no HTTP: nothing of it goes on
//
// A client sees no byte before it is known that they are HTTP, so it can be told when they are not.
// Limits: keeps `kStatusBytes` at the most.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "proxy/byte_editor.h"

namespace sluice::proxy {

inline constexpr int kSwitchingProtocols = 101;

class HttpResponseEditor final : public ByteEditor {
 public:
  /// `HTTP/1.1 200`.
  static constexpr std::size_t kStatusBytes = 12;

  /// A header line with its CR LF, or nothing.
  explicit HttpResponseEditor(std::string line) : line_(std::move(line)) {}

  void edit(std::span<const std::byte> bytes, ByteString& out) noexcept override;
  [[nodiscard]] bool is_done() const noexcept override { return place_ == Place::kDone; }

  /// The status of the final answer, 0 before it is known.
  [[nodiscard]] int status() const noexcept { return status_; }
  /// What the server says is not HTTP.
  [[nodiscard]] bool is_refused() const noexcept { return place_ == Place::kRefused; }

 private:
  enum class Place : std::uint8_t { kStatus, kStatusLine, kInterim, kDone, kRefused };

  [[nodiscard]] std::span<const std::byte> step(std::span<const std::byte> bytes, ByteString& out);
  void judge_status(ByteString& out);
  void pass_interim(char letter) noexcept;

  std::string line_;
  std::array<char, kStatusBytes> begin_{};
  std::size_t begun_ = 0;
  int status_ = 0;
  bool is_line_empty_ = false;  ///< of an interim head
  Place place_ = Place::kStatus;
};

}  // namespace sluice::proxy
