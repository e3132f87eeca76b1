// TLS records in user space: sealing and opening as many as a relay moves at a time.
#include <benchmark/benchmark.h>

#include <cstring>
#include <optional>
#include <vector>

#include "tls/aead.h"
#include "tls/record_stream.h"

namespace {

using namespace sluice::tls;  // NOLINT: the subject of this file
using sluice::wire::RecordType;
using Bytes = std::vector<std::byte>;

constexpr std::size_t kRecords = 16;  // 256 KiB of the largest: what one system call moves

RecordKeys keys_of(Version version, Cipher cipher) {
  RecordKeys keys;
  keys.version = version;
  keys.cipher = cipher;
  keys.key.fill(1);
  keys.iv.fill(2);
  return keys;
}

// The records one behind the other; empty where OpenSSL failed.
Bytes seal_all(Aead& aead, RecordKeys& keys, std::size_t plaintext_bytes) {
  const Bytes plaintext(plaintext_bytes, std::byte{42});
  Bytes out(kRecords * (plaintext_bytes + kMaxSealOverhead));
  std::size_t used = 0;
  for (std::size_t n = 0; n < kRecords; ++n) {
    const std::size_t size = seal_record(aead, keys, RecordType::kApplicationData, plaintext,
                                         std::span(out).subspan(used));
    if (size == 0) return {};
    used += size;
  }
  out.resize(used);
  return out;
}

void seal(benchmark::State& state, Version version, Cipher cipher) {
  auto aead = Aead::create();
  RecordKeys keys = keys_of(version, cipher);
  const auto size = static_cast<std::size_t>(state.range(0));
  const Bytes plaintext(size, std::byte{42});
  Bytes out(size + kMaxSealOverhead);
  while (state.KeepRunning()) {
    if (seal_record(*aead, keys, RecordType::kApplicationData, plaintext, out) == 0) {
      state.SkipWithError("a record was not sealed");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void open(benchmark::State& state, Version version, Cipher cipher) {
  auto aead = Aead::create();
  RecordKeys writer = keys_of(version, cipher);
  const Bytes sealed = seal_all(*aead, writer, static_cast<std::size_t>(state.range(0)));
  RecordKeys reader = keys_of(version, cipher);
  RecordOpener opener;
  PieceList pieces;
  Bytes buffer(sealed.size());
  while (state.KeepRunning()) {
    // Records are opened where they lie, so they come anew, as recv(2) would bring them.
    std::memcpy(buffer.data(), sealed.data(), sealed.size());
    reader.sequence = 0;
    std::uint32_t begin = 0;
    pieces.clear();
    opener.open(*aead, reader, buffer, begin, pieces);
    if (pieces.count != kRecords) {
      state.SkipWithError("a record was not opened");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) *
                          static_cast<std::int64_t>(kRecords));
}

void sizes(benchmark::internal::Benchmark* each) {
  each->Arg(64)->Arg(1400)->Arg(16384);
}

BENCHMARK_CAPTURE(seal, aes128_13, Version::kTls13, Cipher::kAes128Gcm)->Apply(sizes);
BENCHMARK_CAPTURE(seal, aes256_13, Version::kTls13, Cipher::kAes256Gcm)->Apply(sizes);
BENCHMARK_CAPTURE(seal, chacha20_13, Version::kTls13, Cipher::kChacha20Poly1305)->Apply(sizes);
BENCHMARK_CAPTURE(seal, aes128_12, Version::kTls12, Cipher::kAes128Gcm)->Apply(sizes);
BENCHMARK_CAPTURE(open, aes128_13, Version::kTls13, Cipher::kAes128Gcm)->Apply(sizes);
BENCHMARK_CAPTURE(open, aes256_13, Version::kTls13, Cipher::kAes256Gcm)->Apply(sizes);
BENCHMARK_CAPTURE(open, chacha20_13, Version::kTls13, Cipher::kChacha20Poly1305)->Apply(sizes);
BENCHMARK_CAPTURE(open, aes128_12, Version::kTls12, Cipher::kAes128Gcm)->Apply(sizes);

}  // namespace
