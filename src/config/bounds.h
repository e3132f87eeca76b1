// How large a configuration may be.
//
// The numbers bound the time (under a second) and the memory (under 100 MB) that any file can
// cost, whatever stands in it; 10,000 servers with every key written out still fit. Measured with
// yaml-cpp 0.7: about 1 microsecond a token and 0.2 a character of a plain scalar; inside a flow
// collection about 130 bytes a token.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::config {

inline constexpr std::size_t kMaxFileBytes = std::size_t{3} * 1024 * 1024;
inline constexpr std::size_t kMaxCertificateFileBytes = std::size_t{1024} * 1024;

/// Tokens that yaml-cpp may have to make of a file, as check_text() estimates them.
inline constexpr std::size_t kMaxTokens = 600'000;

/// Values in the tree, and values seen when every alias is followed.
inline constexpr std::uint32_t kMaxNodes = 400'000;
inline constexpr std::uint32_t kMaxExpandedNodes = 600'000;

/// Keys of one mapping; the schema knows 20. Few enough for linear searches everywhere.
inline constexpr std::size_t kMaxKeys = 200;

/// Lists and mappings inside one another. The schema needs 6.
inline constexpr std::size_t kMaxDepth = 32;

/// Diagnostics kept; what comes after them is only counted.
inline constexpr std::size_t kMaxDiagnostics = 10'000;

}  // namespace sluice::config
