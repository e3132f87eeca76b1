// Handshakes of a test: contexts made from PEM in memory, and the two sides talking to each other.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "test_authority.h"
#include "tls/certificate_store.h"
#include "tls/frontend_context.h"
#include "tls/handshake.h"
#include "tls/server_context.h"

namespace sluice::tls {

/// The files of a configuration; gone with the object.
class TestFiles {
 public:
  TestFiles();
  ~TestFiles();
  TestFiles(const TestFiles&) = delete;
  TestFiles& operator=(const TestFiles&) = delete;

  void add_certificate(const std::string& name, const Pem& pem);
  void add_bundle(const std::string& name, const std::string& pem);

  Config config;  ///< certificates and bundles of what was added

 private:
  std::string write(const std::string& name, const std::string& text);
  std::string folder_;
  std::vector<std::string> files_;
};

/// What `client` and `server` send goes to the other in pieces of `piece` bytes at the most until
/// neither has anything to say.
void converse(Handshake& client, Handshake& server, std::size_t piece = 1U << 20);

/// A client that trusts `authority` and asks for `name`.
[[nodiscard]] std::unique_ptr<ServerContext> client_of(
    const std::string& name, const std::string& authority,
    ServerVerify verify = ServerVerify::kRequired);

}  // namespace sluice::tls
