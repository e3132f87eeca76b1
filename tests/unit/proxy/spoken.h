// Text as bytes and back, and over a socket of a test's.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

#include "tcp.h"

namespace sluice::proxy {

inline Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

inline std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void say(const sys::Fd& fd, std::string_view text) {
  EXPECT_TRUE(send_all(fd.get(), bytes_of(text)));
}

/// What comes, as far as `count` bytes do.
inline std::string hear(const sys::Fd& fd, std::size_t count) {
  return text_of(receive_exactly(fd.get(), count));
}

}  // namespace sluice::proxy
