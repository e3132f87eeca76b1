// Any bytes may come where a PROXY header is expected. A verdict never changes with bytes that come
// later, is the same byte by byte, and what was understood can be written and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "wire/proxy_header.h"

namespace {

using namespace sluice::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_same_addresses(const ProxyHeader& left, const ProxyHeader& right) {
  require(left.family == right.family);
  require(left.source == right.source && left.destination == right.destination);
}

void write_and_read_again(const ProxyHeader& header) {
  const auto first = write_proxy_v1(header);
  const auto line = read_proxy_header(first);
  require(line.verdict == ProxyVerdict::kComplete && line.size == first.size());
  require_same_addresses(line.header, header);
  const auto second = write_proxy_v2(header, nullptr);
  const auto block = read_proxy_header(second);
  require(block.verdict == ProxyVerdict::kComplete && block.size == second.size());
  require_same_addresses(block.header, header);
  require(block.header.unique_id == header.unique_id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const ProxyReading whole = read_proxy_header(bytes);
  require(whole.size <= std::min(size, kMaxProxyHeader));
  if (whole.verdict == ProxyVerdict::kComplete) write_and_read_again(whole.header);
  const std::size_t steps = std::min<std::size_t>(size, 600);
  for (std::size_t count = 0; count <= steps; ++count) {
    const ProxyReading part = read_proxy_header(bytes.first(count));
    if (part.verdict == ProxyVerdict::kIncomplete) continue;
    require(part.verdict == whole.verdict && part.size == whole.size);
    break;
  }
  return 0;
}
