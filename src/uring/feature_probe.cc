#include "uring/feature_probe.h"

#include <liburing.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "sys/fd.h"
#include "uring/buffer_ring.h"
#include "uring/ring.h"

namespace sluice::uring {
namespace {

Feature from_flag(std::string name, bool is_available, const char* since) {
  return {std::move(name), is_available, false,
          is_available ? "" : std::string("needs Linux ") + since};
}

Feature setup_flag(const Ring& ring, unsigned flag, const char* name, const char* since) {
  return from_flag(name, (ring.setup_flags() & flag) != 0, since);
}

/// Sends a byte over a socket pair and receives it multishot into a provided buffer: one test of
/// both.
Feature probe_multishot_receive(Ring& ring) {
  Feature feature{"multishot receive into provided buffers", false, true, ""};
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    feature.reason = std::strerror(errno);
    return feature;
  }
  sys::Fd sender(ends[0]);
  const sys::Fd receiver(ends[1]);
  auto buffers = BufferRing::create(ring.raw(), {8, 4096});
  if (!buffers) {
    feature.reason = buffers.error().text;
    return feature;
  }
  buffers->recycle(0);
  static_cast<void>(::send(sender.get(), "x", 1, MSG_NOSIGNAL));
  sender.reset();
  io_uring_sqe* entry = io_uring_get_sqe(&ring.raw());
  io_uring_prep_recv_multishot(entry, receiver.get(), nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = BufferRing::kGroup;
  io_uring_cqe* done = nullptr;
  if (io_uring_submit_and_wait(&ring.raw(), 1) < 0 || io_uring_peek_cqe(&ring.raw(), &done) != 0) {
    feature.reason = "the ring does not answer";
    return feature;
  }
  feature.is_available = done->res == 1 && (done->flags & IORING_CQE_F_BUFFER) != 0;
  if (!feature.is_available) {
    feature.reason = std::string("needs Linux 6.0 (") + std::strerror(-done->res) + ")";
  }
  return feature;
}

bool has_operation(io_uring_probe* probe, int operation) {
  return probe != nullptr && io_uring_opcode_supported(probe, operation) != 0;
}

}  // namespace

Result<std::vector<Feature>> probe_features() {
  auto ring = Ring::create(8);
  if (!ring) return tl::unexpected(ring.error());
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(
      io_uring_get_probe_ring(&ring->raw()), io_uring_free_probe);
  std::vector<Feature> features;
  features.push_back(
      setup_flag(*ring, IORING_SETUP_DEFER_TASKRUN, "completions only inside our wait", "6.1"));
  features.push_back(setup_flag(*ring, IORING_SETUP_SINGLE_ISSUER, "single issuer", "6.0"));
  features.push_back(from_flag("completions are never dropped",
                               (ring->raw().features & IORING_FEAT_NODROP) != 0, "5.5"));
  Feature wait = from_flag("wait with a timeout in one call",
                           (ring->raw().features & IORING_FEAT_EXT_ARG) != 0, "5.11");
  wait.is_required = true;
  features.push_back(wait);
  Feature accept = from_flag("multishot accept", has_operation(probe.get(), IORING_OP_SOCKET),
                             "5.19");  // IORING_OP_SOCKET came with it
  accept.is_required = true;
  features.push_back(accept);
  features.push_back(probe_multishot_receive(*ring));
  return features;
}

}  // namespace sluice::uring
