// Any bytes may come where a ClientHello is expected to be read in passing. Pieces of any size come
// to the same, a verdict does not change with bytes that come later, and where OpenSSL reads a
// hello as well, it finds the same name. The first byte chooses the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "tls/openssl.h"
#include "wire/client_hello.h"

namespace {

using sluice::wire::ClientHelloReader;
using Bytes = std::span<const std::byte>;

void require(bool condition) {
  if (!condition) std::abort();
}

/// The value of the server_name extension, from the hello that OpenSSL has read.
using Extension = std::optional<std::string>;

struct Seen {
  bool is_hello = false;
  Extension name;
};

int on_hello(SSL* ssl, int* /*alert*/, void* /*argument*/) {
  Seen& seen = *static_cast<Seen*>(SSL_get_app_data(ssl));
  const unsigned char* value = nullptr;
  std::size_t size = 0;
  seen.is_hello = true;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &value, &size) == 1) {
    seen.name.emplace(reinterpret_cast<const char*>(value), size);
  }
  return SSL_CLIENT_HELLO_ERROR;
}

Seen ask_openssl(Bytes bytes) {
  static SSL_CTX* const context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_client_hello_cb(made, on_hello, nullptr);
    return made;
  }();
  Seen seen;
  SSL* const ssl = SSL_new(context);
  SSL_set_app_data(ssl, &seen);
  SSL_set_bio(ssl, BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())),
              BIO_new(BIO_s_null()));
  SSL_accept(ssl);
  SSL_free(ssl);
  ERR_clear_error();
  return seen;
}

ClientHelloReader read_in_pieces(Bytes bytes, std::size_t piece) {
  ClientHelloReader reader;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    const auto before = reader.status();
    reader.feed(part);
    require(before == ClientHelloReader::Status::kIncomplete || reader.status() == before);
    bytes = bytes.subspan(part.size());
  }
  return reader;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = std::size_t{1} << (data[0] % 12);
  const Bytes bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const ClientHelloReader whole = read_in_pieces(bytes, bytes.size());
  const ClientHelloReader pieces = read_in_pieces(bytes, piece);
  require(whole.status() == pieces.status());
  require(whole.server_name() == pieces.server_name() && whole.problem() == pieces.problem());
  if (whole.status() != ClientHelloReader::Status::kComplete) return 0;
  const Seen seen = ask_openssl(bytes);
  if (!seen.is_hello) return 0;
  require(seen.name.has_value() == !whole.server_name().empty());
  if (seen.name) require(seen.name->ends_with(whole.server_name()));
  return 0;
}
