// Changes the bytes of one direction on their way, between the socket that they come from and the
// one they go to. A direction that has an editor copies; once the editor is done, the rest goes by
// without it and may be spliced.
//
// Whatever it keeps back is bounded by itself. Belongs to the session, which outlives the
// directions. Thread: its worker's.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// Bytes that are not in one of the worker's receive buffers.
using ByteString = std::vector<std::byte>;

inline void append(ByteString& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void append(ByteString& out, std::string_view text) {
  append(out, std::as_bytes(std::span(text.data(), text.size())));
}

class ByteEditor {
 public:
  ByteEditor(const ByteEditor&) = delete;
  ByteEditor& operator=(const ByteEditor&) = delete;

  /// Takes all of `bytes` and appends to `out` what is to be written now.
  virtual void edit(std::span<const std::byte> bytes, ByteString& out) noexcept = 0;

  /// It keeps nothing back and changes nothing any more.
  [[nodiscard]] virtual bool is_done() const noexcept = 0;

 protected:
  ByteEditor() = default;
  ~ByteEditor() = default;
};

}  // namespace sluice::proxy
