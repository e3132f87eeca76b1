// Randomness for hash tables and choices that nobody outside is to foresee. No secrets: keys come
// from OpenSSL.
#pragma once

#include <cstdint>
#include <random>

namespace sluice::base {

/// From the system (getrandom(2) and its like). Any thread; throws where there is none.
inline std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace sluice::base
