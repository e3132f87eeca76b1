// What a session pays once for looking at its first bytes: ClientHello and PROXY headers.
#include <benchmark/benchmark.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "wire/client_hello.h"
#include "wire/proxy_header.h"

namespace {

using Bytes = std::vector<std::byte>;
using sluice::wire::ClientHelloReader;
using sluice::wire::ProxyFamily;
using sluice::wire::ProxyHeader;
using sluice::wire::ProxyVerdict;

constexpr const char* kName = "shop.example.com";

// What OpenSSL's client says first.
Bytes client_hello() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           std::string(kName).data());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl.get());
  Bytes bytes(BIO_ctrl_pending(out));
  BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

// In pieces of so many bytes; 0: as a whole.
void read_client_hello(benchmark::State& state) {
  const Bytes hello = client_hello();
  const auto piece = state.range(0) > 0 ? static_cast<std::size_t>(state.range(0)) : hello.size();
  while (state.KeepRunning()) {
    ClientHelloReader reader;
    for (std::size_t at = 0; at < hello.size(); at += piece) {
      reader.feed(std::span(hello).subspan(at, std::min(piece, hello.size() - at)));
    }
    if (reader.server_name() != kName) {
      state.SkipWithError("the name was not found");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(hello.size()));
}

BENCHMARK(read_client_hello)->Arg(0)->Arg(100)->Arg(1);

ProxyHeader header_of(ProxyFamily family) {
  ProxyHeader header;
  header.family = family;
  header.source = {.ip = {192, 0, 2, 1}, .port = 50000};
  header.destination = {.ip = {192, 0, 2, 2}, .port = 443};
  return header;
}

Bytes write_v1(const ProxyHeader& header) {
  return sluice::wire::write_proxy_v1(header);
}

Bytes write_v2(const ProxyHeader& header) {
  return sluice::wire::write_proxy_v2(header, nullptr);
}

using Writer = Bytes (*)(const ProxyHeader&);

void read_proxy(benchmark::State& state, Writer write) {
  const Bytes bytes = write(header_of(ProxyFamily::kIpv4));
  while (state.KeepRunning()) {
    const auto reading = sluice::wire::read_proxy_header(bytes);
    if (reading.verdict != ProxyVerdict::kComplete || reading.size != bytes.size()) {
      state.SkipWithError("the header was not understood");
      return;
    }
  }
}

void write_proxy(benchmark::State& state, Writer write) {
  const ProxyHeader header = header_of(ProxyFamily::kIpv4);
  while (state.KeepRunning()) benchmark::DoNotOptimize(write(header).data());
}

BENCHMARK_CAPTURE(read_proxy, v1, write_v1);
BENCHMARK_CAPTURE(read_proxy, v2, write_v2);
BENCHMARK_CAPTURE(write_proxy, v1, write_v1);
BENCHMARK_CAPTURE(write_proxy, v2, write_v2);

}  // namespace
