// Plaintext of a direction with TLS that is in none of its buffers: what an editor makes of
// received bytes, and what was read before there was a direction.
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

#include "proxy/secure_relay.h"
#include "proxy/socket_errors.h"

namespace sluice::proxy {

void SecureRelay::begin_with_plaintext(ByteString prefix) noexcept {
  if (prefix.empty()) return;
  note_copied(static_cast<std::uint32_t>(prefix.size()));
  if (editor_ != nullptr) {
    edit(prefix);
  } else {
    loose_ = std::make_unique<Loose>(Loose{std::move(prefix), 0});
  }
  count_held();
}

void SecureRelay::edit_more() noexcept {
  if (editor_ == nullptr || state_.is_stopped || state_.sink_failed) return;
  edit({});
  advance();
}

void SecureRelay::edit(std::span<const std::byte> bytes) noexcept {
  if (!loose_) loose_ = std::make_unique<Loose>();
  editor_->edit(bytes, loose_->bytes);
  if (editor_->is_done()) editor_ = nullptr;
  use_loose(0);
}

SecureRelay::Go SecureRelay::edit_plaintext() noexcept {
  while (has_plaintext() && editor_ != nullptr) {
    const tls::Piece piece = in_->pieces.pieces[in_->pieces.first];
    edit(in_->all().subspan(piece.offset, piece.length));
    use_pieces(piece.length);
  }
  return Go::kOn;
}

SecureRelay::Go SecureRelay::pass_loose() noexcept {
  return seals() ? seal_loose() : send_loose();
}

SecureRelay::Go SecureRelay::send_loose() noexcept {
  const auto rest = std::span(loose_->bytes).subspan(loose_->used);
  context_.calls.add(1);
  const auto sent = ::send(ends_.sink, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    last_activity_ = context_.relay.reactor.now();
    if (legs_.sink != nullptr) legs_.sink->note_sent(static_cast<std::uint32_t>(sent));
    use_loose(static_cast<std::size_t>(sent));
    return Go::kOn;
  }
  return on_send_failed(errno);
}

SecureRelay::Go SecureRelay::seal_loose() noexcept {
  if (!get_out()) return starve();
  const auto rest = std::span(loose_->bytes).subspan(loose_->used);
  const auto done = legs_.sink->seal(context_.aead, rest, *out_);
  if (done < 0) {
    break_off();
    return Go::kWait;
  }
  use_loose(static_cast<std::size_t>(done));
  return Go::kOn;
}

void SecureRelay::use_loose(std::size_t count) noexcept {
  loose_->used += count;
  if (loose_->used == loose_->bytes.size()) loose_.reset();
}

}  // namespace sluice::proxy
