#include "tls/ktls_probe.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "sluice/address.h"
#include "sys/fd.h"
#include "sys/socket.h"
#include "tls/aead.h"
#include "tls/record_stream.h"

namespace sluice::tls {
namespace {

template <typename Value>
struct Named {
  const char* name;
  Value value;
};

constexpr std::array<Named<Version>, 2> kVersions = {
    {{"TLS 1.2", Version::kTls12}, {"TLS 1.3", Version::kTls13}}};
constexpr std::array<Named<Cipher>, 3> kCiphers = {
    {{"AES-128-GCM", Cipher::kAes128Gcm},
     {"AES-256-GCM", Cipher::kAes256Gcm},
     {"CHACHA20-POLY1305", Cipher::kChacha20Poly1305}}};
constexpr std::array<Named<Half>, 2> kHalves = {
    {{"transmit", Half::kTransmit}, {"receive", Half::kReceive}}};

constexpr std::size_t kTextBytes = 1000;
/// Loopback has it at once; a broken layer must not hold the start up.
constexpr timeval kPatience{2, 0};

using Text = std::array<std::byte, kTextBytes>;
using Records = std::array<std::byte, kTextBytes + 2 + 2 * kMaxSealOverhead>;
/// close_notify
constexpr std::array<std::byte, 2> kAlert = {std::byte{1}, std::byte{0}};

/// A connection of this process with itself.
struct Loop {
  sys::Fd client;
  sys::Fd server;
};

Loop connect_to_ourselves() {
  Loop loop;
  const auto any = Endpoint::from_ip("127.0.0.1", 0);
  const auto listener = sys::listen_tcp(*any, sys::PortSharing::kExclusive, 1);
  if (!listener) return loop;
  const Endpoint address = sys::local_endpoint(listener->get());
  loop.client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(loop.client.get(), address.data(), address.size()) != 0) return {};
  loop.server.reset(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  for (const int fd : {loop.client.get(), loop.server.get()}) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  }
  return loop;
}

std::string explain(int error) {
  if (error == ENOENT) return "the kernel has no tls module loaded; run 'modprobe tls'";
  if (error == EINVAL || error == ENOPROTOOPT) return "not known to this kernel";
  if (error == EPROTO) return "this kernel's records are not what they should be";
  return std::strerror(error);
}

/// Keys of no connection; any will do.
RecordKeys make_keys(Version version, Cipher cipher) {
  RecordKeys keys;
  keys.version = version;
  keys.cipher = cipher;
  keys.sequence = 7;
  keys.explicit_nonce = 9;
  for (std::size_t i = 0; i < keys.key.size(); ++i) keys.key[i] = static_cast<std::uint8_t>(i * 37);
  for (std::size_t i = 0; i < keys.iv.size(); ++i) keys.iv[i] = static_cast<std::uint8_t>(i * 91);
  return keys;
}

Text make_text() {
  Text text;
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::byte>(i * 13);
  return text;
}

/// The kernel seals data and an alert, we open them. 0, or errno.
int check_transmit(const Loop& loop, Aead& aead, RecordKeys keys) {
  const Text text = make_text();
  if (::send(loop.server.get(), text.data(), text.size(), MSG_NOSIGNAL) != kTextBytes) {
    return EPROTO;
  }
  if (const int error = send_record(loop.server.get(), wire::RecordType::kAlert, kAlert)) {
    return error;
  }
  ::shutdown(loop.server.get(), SHUT_WR);
  Records records;
  const auto count = ::recv(loop.client.get(), records.data(), records.size(), MSG_WAITALL);
  if (count <= 0) return EPROTO;
  RecordOpener opener;
  PieceList pieces;
  std::uint32_t begin = 0;
  const auto all = std::span<std::byte>(records).first(static_cast<std::size_t>(count));
  const auto last = opener.open(aead, keys, all, begin, pieces);
  const bool is_text_good =
      pieces.count == 1 && pieces.pieces[0].length == kTextBytes &&
      std::memcmp(records.data() + pieces.pieces[0].offset, text.data(), text.size()) == 0;
  const bool is_alert_good =
      last.what == Opened::kControl && last.type == wire::RecordType::kAlert &&
      std::equal(kAlert.begin(), kAlert.end(), last.body.begin(), last.body.end());
  return is_text_good && is_alert_good ? 0 : EPROTO;
}

/// We seal data and an alert, the kernel opens them. 0, or errno.
int check_receive(const Loop& loop, Aead& aead, RecordKeys keys) {
  const Text text = make_text();
  Records records;
  const std::span<std::byte> room(records);
  const std::size_t data = seal_record(aead, keys, wire::RecordType::kApplicationData, text, room);
  const std::size_t alert =
      seal_record(aead, keys, wire::RecordType::kAlert, kAlert, room.subspan(data));
  const auto size = static_cast<std::int64_t>(data + alert);
  const auto sent = ::send(loop.client.get(), records.data(), data + alert, MSG_NOSIGNAL);
  if (data == 0 || alert == 0 || sent != size) return EPROTO;
  Text read{};
  const auto count = ::recv(loop.server.get(), read.data(), read.size(), 0);
  if (count != kTextBytes || read != text) return EPROTO;
  pollfd ready{loop.server.get(), POLLIN, 0};
  ::poll(&ready, 1, kPatience.tv_sec * 1000);
  std::array<std::byte, 16> body{};
  const KernelRecord record = receive_record(loop.server.get(), body);
  const bool is_good = record.count == std::int64_t{kAlert.size()} &&
                       record.type == wire::RecordType::kAlert &&
                       std::equal(kAlert.begin(), kAlert.end(), body.begin());
  return is_good ? 0 : EPROTO;
}

void say(KtlsSupport& support, int error) {
  support.is_available = error == 0;
  if (error != 0) support.reason = explain(error);
}

/// Whether the layer is there, on a new connection. 0, or errno.
int attach(const Loop& loop, KtlsSupport& support) {
  if (!loop.server.is_open()) return errno != 0 ? errno : ECONNREFUSED;
  const int error = attach_ktls(loop.server.get());
  support.is_module_missing = error == ENOENT;
  return error;
}

void try_out(Aead& aead, KtlsSupport& support) {
  const Loop loop = connect_to_ourselves();
  if (const int error = attach(loop, support)) return say(support, error);
  const RecordKeys keys = make_keys(support.version, support.cipher);
  if (const int error = install_key(loop.server.get(), support.half, keys)) {
    say(support, error);
    if (error == ENOENT) support.reason = "the kernel has not loaded this cipher";
    return;
  }
  say(support, support.half == Half::kTransmit ? check_transmit(loop, aead, keys)
                                               : check_receive(loop, aead, keys));
}

/// Both halves get a key and then another one, which is to be the one in force.
void try_out_rekey(Aead& aead, KtlsSupport& support) {
  for (const Half half : {Half::kTransmit, Half::kReceive}) {
    const Loop loop = connect_to_ourselves();
    if (const int error = attach(loop, support)) return say(support, error);
    const RecordKeys keys = make_keys(support.version, support.cipher);
    RecordKeys next = keys;
    std::reverse(next.key.begin(), next.key.begin() + 16);
    next.sequence = 0;
    if (const int error = install_key(loop.server.get(), half, keys)) return say(support, error);
    const int error = install_key(loop.server.get(), half, next);
    if (error != 0) {
      support.reason =
          "this kernel cannot replace a key (Linux 6.14 can): a KeyUpdate ends the session";
      return;
    }
    say(support, half == Half::kTransmit ? check_transmit(loop, aead, next)
                                         : check_receive(loop, aead, next));
    if (!support.is_available) return;
  }
}

KtlsSupport named(const Named<Version>& version, const Named<Cipher>& cipher,
                  const Named<Half>& half) {
  KtlsSupport support;
  support.name = std::string(version.name) + ' ' + cipher.name + ' ' + half.name;
  support.version = version.value;
  support.cipher = cipher.value;
  support.half = half.value;
  return support;
}

}  // namespace

KtlsReport probe_ktls() {
  KtlsReport report;
  report.key_update.name = "TLS 1.3 KeyUpdate";
  auto aead = Aead::create();
  for (const auto& version : kVersions) {
    for (const auto& cipher : kCiphers) {
      for (const auto& half : kHalves) report.parts.push_back(named(version, cipher, half));
    }
  }
  if (aead) {
    for (KtlsSupport& support : report.parts) try_out(*aead, support);
    try_out_rekey(*aead, report.key_update);
  } else {
    for (KtlsSupport& support : report.parts) support.reason = aead.error().text;
    report.key_update.reason = aead.error().text;
  }
  return report;
}

KtlsAbility ability_of(const KtlsReport& report) {
  KtlsAbility ability;
  ability.can_rekey = report.key_update.is_available;
  for (const KtlsSupport& each : report.parts) {
    if (!each.is_module_missing) ability.has_module = true;
    if (each.is_available) ability.allow(each.version, each.cipher, each.half);
  }
  return ability;
}

std::string why_no_ktls(const KtlsReport& report) {
  return ability_of(report).has_any() ? "" : report.parts.front().reason;
}

}  // namespace sluice::tls
