// Any bytes may come instead of a TLS handshake, from clients to us and from servers to us: they
// are refused with a reason, or more is waited for; what we hold of them and what we answer stays
// bounded. The first byte chooses whom they come from and the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "test_handshake.h"

namespace {

using namespace sluice::tls;

/// Two flights of ours with their certificates, and alerts.
constexpr std::size_t kMostOutput = std::size_t{64} * 1024;

void require(bool condition) {
  if (!condition) std::abort();
}

/// What is under attack, made once.
struct Targets {
  Targets() : authority("fuzz authority"), keys(sluice::base::Clock::now()) {
    files.add_certificate("one", authority.issue({.names = {"one.test", "*.wild.test"}}));
    files.add_certificate("two", authority.issue({.names = {"two.test"}, .kind = KeyKind::kRsa}));
    files.add_bundle("clients", authority.certificate());
    sluice::FrontendConfig config;
    config.name = "fuzz";
    config.tls.emplace();
    config.tls->certificates = {"one", "two"};
    config.tls->alpn = {"h2", "http/1.1"};
    const auto store = CertificateStore::load(files.config);
    require(store.has_value());
    lenient = std::move(*FrontendContext::create(config, *store, keys));
    config.tls->strict_sni = true;
    config.tls->client_ca = "clients";
    strict = std::move(*FrontendContext::create(config, *store, keys));
    client = client_of("one.test", authority.certificate());
  }

  TestAuthority authority;
  TestFiles files;
  TicketKeys keys;
  std::unique_ptr<FrontendContext> lenient;
  std::unique_ptr<FrontendContext> strict;
  std::unique_ptr<ServerContext> client;
};

Ssl make_ssl(std::uint8_t choice) {
  static Targets targets;
  switch (choice % 3) {
    case 0:
      return targets.lenient->make_ssl();
    case 1:
      return targets.strict->make_ssl();
    default:
      return targets.client->make_ssl("h2");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = std::size_t{1} << (data[0] / 3 % 12);
  auto input = std::as_bytes(std::span(data, size)).subspan(1);
  Handshake handshake(make_ssl(data[0]));
  handshake.start();
  while (!input.empty() && handshake.status() == Handshake::Status::kWorking) {
    const auto part = input.first(std::min(piece, input.size()));
    handshake.feed(part);
    input = input.subspan(part.size());
    require(handshake.output().size() <= kMostOutput);
  }
  // Nobody finishes a handshake without knowing what we say in it.
  require(handshake.status() != Handshake::Status::kDone);
  const bool has_failed = handshake.status() == Handshake::Status::kFailed;
  require(has_failed == (handshake.failure() != Handshake::Failure::kNone));
  require(has_failed == !handshake.reason().empty());
  return 0;
}
