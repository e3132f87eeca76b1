#include "test_handshake.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace sluice::tls {

TestFiles::TestFiles() {
  std::string pattern = "/tmp/sluice-tls-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
}

TestFiles::~TestFiles() {
  for (const std::string& file : files_) ::unlink(file.c_str());
  ::rmdir(folder_.c_str());
}

std::string TestFiles::write(const std::string& name, const std::string& text) {
  files_.push_back(folder_ + '/' + name);
  std::ofstream(files_.back()) << text;
  return files_.back();
}

void TestFiles::add_certificate(const std::string& name, const Pem& pem) {
  CertificateConfig entry;
  entry.name = name;
  entry.certificate = write(name + ".pem", pem.certificate);
  entry.key = write(name + ".key", pem.key);
  config.certificates.push_back(std::move(entry));
}

void TestFiles::add_bundle(const std::string& name, const std::string& pem) {
  CaBundleConfig entry;
  entry.name = name;
  entry.file = write(name + "-ca.pem", pem);
  config.ca_bundles.push_back(std::move(entry));
}

namespace {

/// True if something was passed on.
bool pass(Handshake& from, Handshake& to, std::size_t piece) {
  const auto bytes = from.output();
  if (bytes.empty()) return false;
  const std::size_t count = std::min(piece, bytes.size());
  if (to.status() == Handshake::Status::kWorking) to.feed(bytes.first(count));
  from.consume_output(count);
  return true;
}

}  // namespace

void converse(Handshake& client, Handshake& server, std::size_t piece) {
  client.start();
  server.start();
  for (bool has_moved = true; has_moved;) {
    has_moved = pass(client, server, piece);
    has_moved = pass(server, client, piece) || has_moved;
  }
}

std::unique_ptr<ServerContext> client_of(const std::string& name, const std::string& authority,
                                         ServerVerify verify) {
  ServerConfig config;
  config.address = "127.0.0.1";
  config.server_name = name;
  config.verify = verify;
  return std::move(*ServerContext::create(config, make_trust(*parse_bundle(authority)), nullptr));
}

}  // namespace sluice::tls
