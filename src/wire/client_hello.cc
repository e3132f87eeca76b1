#include "wire/client_hello.h"

#include <algorithm>
#include <optional>

#include "wire/tls_record.h"

namespace sluice::wire {
namespace {

constexpr std::size_t kMessageHeaderBytes = 4;
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kMaxSessionId = 32;
constexpr unsigned kServerNameExtension = 0;
constexpr unsigned kHostNameType = 0;
constexpr std::size_t kLongestName = 255;
constexpr std::byte kMajorVersion{3};

using Bytes = std::span<const std::byte>;

/// Takes values off the front of bytes; the first one that is not there spoils the rest.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] bool is_empty() const noexcept { return rest_.empty(); }

  Bytes take(std::size_t count) noexcept {
    is_good_ = is_good_ && count <= rest_.size();
    if (!is_good_) rest_ = {};
    const Bytes taken = is_good_ ? rest_.first(count) : Bytes();
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  /// A big-endian number.
  std::size_t number(std::size_t bytes) noexcept {
    std::size_t value = 0;
    for (const std::byte each : take(bytes))
      value = value << 8 | std::to_integer<std::size_t>(each);
    return value;
  }

  /// What stands behind its length, a number of so many bytes.
  Bytes vector(std::size_t length_bytes) noexcept { return take(number(length_bytes)); }

 private:
  Bytes rest_;
  bool is_good_ = true;
};

bool is_name_byte(std::byte byte) noexcept {
  const auto letter = std::to_integer<unsigned char>(byte);
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
}

/// The only host name in a server_name extension.
std::optional<Bytes> host_name_in(Bytes extension) noexcept {
  Cursor cursor(extension);
  Cursor list(cursor.vector(2));
  const bool is_host_name = list.number(1) == kHostNameType;
  const Bytes name = list.vector(2);
  const bool is_whole =
      cursor.is_good() && cursor.is_empty() && list.is_good() && list.is_empty() && is_host_name;
  const bool is_fit = !name.empty() && name.size() <= kLongestName &&
                      std::all_of(name.begin(), name.end(), is_name_byte);
  return is_whole && is_fit ? std::optional(name) : std::nullopt;
}

/// The server name among the extensions, empty without one.
std::optional<Bytes> server_name_among(Bytes extensions) noexcept {
  Cursor cursor(extensions);
  std::optional<Bytes> found;
  while (!cursor.is_empty()) {
    const auto type = cursor.number(2);
    const Bytes value = cursor.vector(2);
    if (!cursor.is_good()) return std::nullopt;
    if (type != kServerNameExtension) continue;
    if (found) return std::nullopt;
    found = host_name_in(value);
    if (!found) return std::nullopt;
  }
  return found ? found : Bytes();
}

/// That of a hello without its header; none where it breaks the rules.
std::optional<Bytes> server_name_in(Bytes hello) noexcept {
  constexpr std::size_t kVersionBytes = 2;
  Cursor cursor(hello);
  const Bytes version = cursor.take(kVersionBytes);
  cursor.take(kRandomBytes);
  const std::size_t session_id = cursor.vector(1).size();
  const std::size_t ciphers = cursor.vector(2).size();
  const std::size_t compressions = cursor.vector(1).size();
  const bool is_right = cursor.is_good() && version[0] == kMajorVersion &&
                        session_id <= kMaxSessionId && ciphers != 0 && ciphers % 2 == 0 &&
                        compressions != 0;
  if (!is_right) return std::nullopt;
  if (cursor.is_empty()) return Bytes();  // before TLS 1.3 there need not be any
  const Bytes extensions = cursor.vector(2);
  if (!cursor.is_good() || !cursor.is_empty()) return std::nullopt;
  return server_name_among(extensions);
}

}  // namespace

ClientHelloReader::Status ClientHelloReader::feed(Bytes bytes) {
  while (status_ == Status::kIncomplete && !bytes.empty()) {
    const std::size_t taken = record_left_ == 0 ? take_header(bytes) : take_fragment(bytes);
    bytes = bytes.subspan(taken);
    fed_ += taken;
    if (status_ == Status::kIncomplete && fed_ >= kMaxHelloBytes) {
      refuse("its ClientHello is too long");
    }
  }
  return status_;
}

/// Of a record, byte by byte: whoever speaks something else is not to be waited for.
std::size_t ClientHelloReader::take_header(Bytes bytes) {
  static constexpr std::byte kHandshake{static_cast<std::uint8_t>(RecordType::kHandshake)};
  const bool is_first = message_.empty();
  const std::string_view problem =
      is_first ? "" : "its ClientHello is interrupted by another record";
  std::size_t taken = 0;
  while (header_.size() < kRecordHeaderBytes && taken < bytes.size()) {
    const std::byte next = bytes[taken++];
    const std::size_t place = header_.size();
    header_.push_back(next);
    const bool is_wrong =
        (place == 0 && next != kHandshake) || (place == 1 && next != kMajorVersion);
    if (!is_wrong) continue;
    refuse(problem);
    return taken;
  }
  if (header_.size() < kRecordHeaderBytes) return taken;
  record_left_ = read_record_header(header_).length;
  header_.clear();
  if (record_left_ == 0 || record_left_ > kMaxPlaintext)
    refuse("its TLS record has a wrong length");
  return taken;
}

std::size_t ClientHelloReader::take_fragment(Bytes bytes) {
  const Bytes fragment = bytes.first(std::min(record_left_, bytes.size()));
  message_.insert(message_.end(), fragment.begin(), fragment.end());
  record_left_ -= fragment.size();
  check_message();
  return fragment.size();
}

void ClientHelloReader::check_message() {
  static constexpr std::byte kHello{static_cast<std::uint8_t>(HandshakeType::kClientHello)};
  if (message_.front() != kHello) return refuse("its first message is not a ClientHello");
  if (message_.size() < kMessageHeaderBytes) return;
  Cursor header(Bytes(message_).subspan(1));
  const std::size_t size = header.number(kMessageHeaderBytes - 1);
  if (size > kMaxHello) return refuse("its ClientHello is too long");
  if (message_.size() < kMessageHeaderBytes + size) return;
  const auto name = server_name_in(Bytes(message_).subspan(kMessageHeaderBytes, size));
  if (!name) return refuse("its ClientHello is malformed");
  server_name_.assign(reinterpret_cast<const char*>(name->data()), name->size());
  status_ = Status::kComplete;
  message_ = {};
}

void ClientHelloReader::refuse(std::string_view problem) noexcept {
  status_ = Status::kOther;
  problem_ = problem;
  message_ = {};
}

}  // namespace sluice::wire
