// Any bytes may come after a TLS handshake: records that cannot be decrypted are refused, and what
// a client that holds the keys says in them leads to a decision within limits. The first byte
// chooses version and role; the rest is fed in pieces, once as ciphertext and once as the inside of
// records that are sealed right.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "tls/control.h"
#include "tls/record_stream.h"

namespace {

using namespace sluice::tls;
using sluice::wire::RecordType;

void require(bool condition) {
  if (!condition) std::abort();
}

Aead& aead() {
  static auto made = Aead::create();
  require(made.has_value());
  return *made;
}

struct Shape {
  Version version;
  Role role;
  Cipher cipher;
};

SessionKeys make_keys(const Shape& shape) {
  SessionSecrets secrets;
  secrets.version = shape.version;
  secrets.role = shape.role;
  secrets.cipher = shape.cipher;
  SessionKeys keys;
  require(derive_keys(secrets, keys));
  return keys;
}

void open_all(RecordKeys& keys, std::vector<std::byte>& bytes, Control& control) {
  RecordOpener opener;
  PieceList list;
  std::uint32_t begin = 0;
  std::uint32_t before = 0;
  do {
    before = begin;
    list.clear();
    const auto result = opener.open(aead(), keys, bytes, begin, list);
    require(begin >= before && begin <= bytes.size());
    for (std::uint32_t i = 0; i < list.count; ++i) {
      require(list.pieces[i].offset + list.pieces[i].length <= begin);
    }
    if (result.what == Opened::kRefused) return;
    if (result.what != Opened::kControl) continue;
    const auto decision = control.on_record(result.type, result.body, {});
    if (decision.action == Control::Action::kRefuse) return;
    const bool is_update = decision.action == Control::Action::kUpdate ||
                           decision.action == Control::Action::kUpdateAndAnswer;
    require(!is_update || keys.version == Version::kTls13);
  } while (begin != before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Shape shape{(data[0] & 1) != 0 ? Version::kTls13 : Version::kTls12,
                    (data[0] & 2) != 0 ? Role::kServer : Role::kClient,
                    static_cast<Cipher>((data[0] >> 2) % 3)};
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  // As ciphertext.
  SessionKeys keys = make_keys(shape);
  Control control(shape.version, shape.role);
  std::vector<std::byte> raw(input.begin(), input.end());
  open_all(keys.receive, raw, control);
  // As records of the other side: type, length, plaintext.
  SessionKeys sealing = make_keys(shape);
  sealing.transmit = sealing.receive;
  Control other(shape.version, shape.role);
  SessionKeys opening = make_keys(shape);
  std::vector<std::byte> stream;
  for (std::size_t at = 0; at + 2 <= input.size();) {
    const auto type = static_cast<RecordType>(input[at]);
    const std::size_t length =
        std::min<std::size_t>(std::to_integer<std::size_t>(input[at + 1]), input.size() - at - 2);
    const std::size_t old = stream.size();
    stream.resize(old + length + kMaxSealOverhead);
    stream.resize(old + seal_record(aead(), sealing.transmit, type, input.subspan(at + 2, length),
                                    std::span(stream).subspan(old)));
    at += 2 + length;
  }
  open_all(opening.receive, stream, other);
  return 0;
}
