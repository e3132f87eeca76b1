#include "proxy/udp_flow.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "balance/hash.h"
#include "proxy/proxy_header_out.h"
#include "proxy/udp_listener.h"
#include "sys/socket.h"
#include "sys/udp_socket.h"

namespace sluice::proxy {
namespace {

using std::chrono::seconds;

/// How long a first datagram is kept for another server: a refusal comes within a round trip.
constexpr seconds kKeepFirst{1};

/// A flow that has run out of retries looks for another server this often.
constexpr seconds kMovePause{1};

/// While the process stops, a flow that is quiet this long is over.
constexpr seconds kStoppingIdle{1};

/// Descriptors, memory or, as connect(2) of UDP says it (EAGAIN), local ports.
bool is_shortage(int error) noexcept {
  return sys::is_shortage(error) || error == EAGAIN || error == EADDRNOTAVAIL;
}

}  // namespace

UdpFlow::UdpFlow(UdpContext& context, UdpFlowOwner& owner, const Origin& origin,
                 const FlowKey& key) noexcept
    : FlowEntry(key),
      context_(context),
      owner_(owner),
      origin_(origin),
      began_at_(now()),
      last_activity_(now()),
      moved_at_(now()) {
  origin_.frontend.state->sessions().up();
  origin_.frontend.state->traffic(context_.sessions.worker).total.add(1);
  context_.sessions.pins.session_began(origin_.pin);
}

UdpFlow::~UdpFlow() {
  SLUICE_ASSERT(state_ == State::kEnded);
  context_.sessions.pins.session_ended(origin_.pin);
}

void UdpFlow::begin() noexcept {
  if (!connect_to_next()) return;
  context_.reactor.timers().arm(timer_,
                                now() + std::min<base::Duration>(kKeepFirst, quiet_limit()));
  settle();
}

void UdpFlow::settle() noexcept {
  if (state_ == State::kOpen && !receive_.is_in_flight() && !base::ListHook<Starved>::is_linked()) {
    is_stale_ = false;
    context_.from_servers.receive(context_.reactor.ring(), receive_, socket_.get());
  }
  if (state_ == State::kEnding && !receive_.is_in_flight()) {
    state_ = State::kEnded;
    socket_.reset();
    owner_.on_flow_ended(*this);
  }
}

// --- A server ---

balance::PickContext UdpFlow::wish() const noexcept {
  const bool is_by_flow = backend().udp.hash == FlowHash::kByFlow;
  return {.worker = context_.sessions.worker,
          .client = key().client,
          .tried = tried_.indices(),
          .key = is_by_flow ? balance::flow_key(key().client) : 0,
          .now = now()};
}

bool UdpFlow::connect_to_next() noexcept {
  for (;;) {
    const auto picked = backend().balance.take(wish());
    if (!picked) {
      // Datagrams do not wait until a server has room.
      const bool is_full = picked.error() == balance::NoServer::kAllFull;
      end({is_full ? CloseReason::kLimit : CloseReason::kNoServer, Side::kUs});
      return false;
    }
    const int error = connect_to(*picked);
    if (error == 0) return true;
    if (is_shortage(error)) {
      end({CloseReason::kLimit, Side::kUs});
      return false;
    }
    auto& counters = server()->slot(context_.sessions.worker).traffic;
    counters.errors.add(1);
    server()->note_failure(backend().outlier, now());
    const auto tried = tried_.indices();
    const bool is_again = std::find(tried.begin(), tried.end(), *picked) != tried.end();
    if (is_again || retries_ >= backend().retries) {
      end({CloseReason::kConnectFailed, Side::kServer});
      return false;
    }
    ++retries_;
    counters.retries.add(1);
    leave_server();
    tried_.add(*picked);
  }
}

int UdpFlow::connect_to(std::uint32_t server_index) noexcept {
  server_index_ = server_index;
  const auto& headers = backend().flow_headers;
  is_header_due_ = server_index < headers.size() && headers[server_index] != FlowHeader::kNone;
  socket_.reset();
  server_address_ = backend().addresses[server_index].get();
  if (!server_address_.is_specified()) return EHOSTUNREACH;  // a name unknown
  socket_ = sys::connect_udp(server_address_);
  return socket_.is_open() ? 0 : errno;
}

void UdpFlow::leave_server() noexcept {
  if (!server_index_) return;
  server()->session_ended();
  server_index_.reset();
  // Sessions of TCP frontends may wait for a server of the same backend.
  backend().balance.visit_lines_with_room(
      context_.sessions.worker,
      [this](balance::WaitLine& line) { context_.sessions.room.call(line); });
}

bool UdpFlow::may_move() noexcept {
  if (answers_ > 0) return false;
  if (moves_in_a_row_ < backend().retries) return true;
  if (now() - moved_at_ < kMovePause) return false;
  moves_in_a_row_ = 0;
  tried_.clear();
  return true;
}

void UdpFlow::on_refused() noexcept {
  if (state_ != State::kOpen || is_stale_) return;
  is_refused_ = true;
  context_.numbers.refusals.add(1);
  auto& counters = server()->slot(context_.sessions.worker).traffic;
  counters.errors.add(1);
  server()->note_failure(backend().outlier, now());
  if (answers_ > 0) return end({CloseReason::kServerReset, Side::kServer});
  if (!may_move()) return;
  const std::uint32_t refuser = *server_index_;
  tried_.add(refuser);
  const auto picked = backend().balance.pick(wish());
  const auto tried = tried_.indices();
  if (!picked || std::find(tried.begin(), tried.end(), *picked) != tried.end()) return;
  auto& next = *backend().balance.candidate(*picked).state;
  if (!next.take(context_.sessions.worker, balance::WaitLine::kNewcomer)) return;
  leave_server();
  counters.retries.add(1);
  ++retries_;
  ++moves_in_a_row_;
  moved_at_ = now();
  context_.reactor.ring().cancel(receive_);
  is_stale_ = receive_.is_in_flight();
  const int error = connect_to(*picked);
  if (error == 0) return repeat_first();
  end(is_shortage(error) ? Ending{CloseReason::kLimit, Side::kUs}
                         : Ending{CloseReason::kConnectFailed, Side::kServer});
}

// --- From the client to the server ---

void UdpFlow::on_datagram(const DatagramPool::Arrival& arrival) noexcept {
  const std::uint32_t worker = context_.sessions.worker;
  bytes_in_ += arrival.length;
  questions_ += arrival.datagrams;
  origin_.frontend.state->traffic(worker).bytes_in.add(arrival.length);
  server()->slot(worker).traffic.bytes_in.add(arrival.length);
  if (answers_ > 0) is_proven_ = true;
  touch();
  context_.from_clients.push(upstream_, arrival.buffer);
  owner_.on_flow_pending(*this);
}

void UdpFlow::flush() noexcept {
  send_upstream();
  if (!downstream_.is_empty()) {
    context_.replies.add(origin_.listener.fd(), {key().client, key().local}, context_.from_servers,
                         downstream_, downstream_joining_);
  }
  if (state_ == State::kOpen && has_all_answers()) end({CloseReason::kServerClosed, Side::kServer});
}

void UdpFlow::send_upstream() noexcept {
  while (!upstream_.is_empty()) {
    DatagramRun run;
    run.gather(context_.from_clients, upstream_, upstream_joining_);
    if (!std::exchange(is_first_sent_, true)) {
      bool is_first = true;
      run.for_each_datagram([&](std::span<const std::byte> bytes) {
        if (std::exchange(is_first, false)) keep_first(bytes);
      });
    }
    send_run(run);
  }
}

void UdpFlow::send_run(DatagramRun& run) noexcept {
  SendFault fault = send_once(run);
  if (fault == SendFault::kRefused) {
    // The refusal is of something sent earlier; this was not sent at all.
    on_refused();
    if (state_ == State::kOpen) fault = send_once(run);
  }
  drop(fault, run.shape().datagrams());
}

SendFault UdpFlow::send_once(DatagramRun& run) noexcept {
  const bool may_join = upstream_joining_ == Joining::kAllowed && !is_header_due_;
  if (!run.is_joined() || may_join) {
    const int error = send_message(run);
    if (!run.is_joined() || !is_joining_refused(error)) return classify_send(error);
    upstream_joining_ = Joining::kRefused;
  }
  send_singly(run);
  return SendFault::kNone;
}

int UdpFlow::send_message(DatagramRun& run) noexcept {
  static const Endpoint nobody;
  ByteString header;
  if (is_header_due_) header = proxy_header_for_flow(key().client, destination(), id());
  run.put_before(header);
  const msghdr& message = run.prepare({nobody, nobody});
  if (::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return errno;
  is_header_due_ = false;
  return 0;
}

void UdpFlow::send_singly(const DatagramRun& run) noexcept {
  run.for_each_datagram([&](std::span<const std::byte> bytes) {
    DatagramRun single;
    single.set(bytes);
    drop(classify_send(send_message(single)), 1);
  });
}

Endpoint UdpFlow::destination() const noexcept {
  const Endpoint bound = sys::local_endpoint(origin_.listener.fd());
  return key().local.is_specified() ? key().local.with_port(bound.port()) : bound;
}

void UdpFlow::drop(SendFault fault, std::uint32_t datagrams) noexcept {
  switch (fault) {
    case SendFault::kNone:
      return;
    case SendFault::kTooLong:
      return context_.numbers.oversize.add(datagrams);
    case SendFault::kUnreachable:
      server()->slot(context_.sessions.worker).traffic.errors.add(1);
      [[fallthrough]];
    case SendFault::kRefused:
    case SendFault::kNoRoom:
      return context_.numbers.unsent.add(datagrams);
  }
}

// --- The first datagram ---

void UdpFlow::keep_first(std::span<const std::byte> bytes) noexcept {
  if (backend().retries == 0 || backend().balance.candidates().size() < 2) return;
  if (context_.kept_bytes + bytes.size() > UdpContext::kMostKeptBytes) return;
  first_.reset(new (std::nothrow) std::byte[std::max<std::size_t>(1, bytes.size())]);
  if (first_ == nullptr) return;
  first_bytes_ = static_cast<std::uint32_t>(bytes.size());
  context_.kept_bytes += first_bytes_;
  std::copy(bytes.begin(), bytes.end(), first_.get());
}

void UdpFlow::forget_first() noexcept {
  if (first_ == nullptr) return;
  context_.kept_bytes -= first_bytes_;
  first_.reset();
}

void UdpFlow::repeat_first() noexcept {
  if (first_ == nullptr) return;
  server()->slot(context_.sessions.worker).traffic.bytes_in.add(first_bytes_);
  DatagramRun run;
  run.set({first_.get(), first_bytes_});
  drop(send_once(run), 1);
}

// --- From the server to the client ---

void UdpFlow::on_receive(uring::Outcome outcome) noexcept {
  if (!outcome.has_buffer()) return on_receive_failed(-outcome.result);
  const DatagramPool::Arrival arrival = context_.from_servers.take(outcome);
  if (state_ != State::kOpen || is_stale_) return;
  if (arrival.is_cut) return context_.numbers.oversize.add(1);
  on_answer(arrival);
}

void UdpFlow::on_answer(const DatagramPool::Arrival& arrival) noexcept {
  const std::uint32_t worker = context_.sessions.worker;
  if (answers_ == 0) {
    answer_time_ = now() - began_at_;
    forget_first();
    server()->note_success();
  }
  is_refused_ = false;
  answers_ += arrival.datagrams;
  bytes_out_ += arrival.length;
  origin_.frontend.state->traffic(worker).bytes_out.add(arrival.length);
  server()->slot(worker).traffic.bytes_out.add(arrival.length);
  context_.numbers.datagrams_out.add(arrival.datagrams);
  touch();
  context_.from_servers.push(downstream_, arrival.buffer);
  owner_.on_flow_pending(*this);
}

void UdpFlow::on_receive_failed(int error) noexcept {
  if (state_ != State::kOpen) return;
  switch (error) {
    case ENOBUFS:
      context_.numbers.shortages.add(1);
      return owner_.on_flow_starved(*this);
    case ECONNREFUSED:
      return on_refused();
    case ECANCELED:
    case EINTR:
    case EAGAIN:
      return;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EMSGSIZE:
      // Told by a router about something sent earlier; what comes next may pass.
      server()->slot(context_.sessions.worker).traffic.errors.add(1);
      return;
    default:
      return end({is_shortage(error) ? CloseReason::kLimit : CloseReason::kInternal, Side::kUs});
  }
}

bool UdpFlow::has_all_answers() const noexcept {
  const std::uint32_t each = backend().udp.responses;
  return each > 0 && answers_ >= questions_ * each;
}

void UdpFlow::resume() noexcept {
  settle();
}

// --- Time ---

void UdpFlow::touch() noexcept {
  last_activity_ = now();
  owner_.on_flow_active(*this);
}

base::Duration UdpFlow::quiet_limit() const noexcept {
  const base::Duration idle = backend().udp.idle;
  return context_.is_stopping ? std::min<base::Duration>(idle, kStoppingIdle) : idle;
}

// One timer, not moved for every datagram: when it fires it looks at the last one's time.
void UdpFlow::on_timer() noexcept {
  if (state_ != State::kOpen) return;
  if (now() - began_at_ >= kKeepFirst) forget_first();
  review_quietness();
}

void UdpFlow::review_quietness() noexcept {
  if (state_ != State::kOpen) return;
  const base::TimePoint due = last_activity_ + quiet_limit();
  if (now() < due) return context_.reactor.timers().arm(timer_, due);
  end(is_refused_ ? Ending{CloseReason::kConnectFailed, Side::kServer}
                  : Ending{CloseReason::kIdleTimeout, Side::kUs});
}

// --- Ending ---

void UdpFlow::end(Ending ending) noexcept {
  if (state_ != State::kOpen) return;
  state_ = State::kEnding;
  if (socket_.is_open()) flush();
  base::ListHook<Pending>::unlink();
  base::ListHook<Starved>::unlink();
  ending_ = ending;
  timer_.disarm();
  forget_first();
  context_.reactor.ring().cancel(receive_);
  owner_.on_flow_ending(*this);
  record();
  leave_server();
  origin_.frontend.state->sessions().down();
  settle();
}

void UdpFlow::record() noexcept {
  SessionContext& sessions = context_.sessions;
  sessions.reasons.count(ending_.reason, ending_.side);
  sessions.session_time.record(now() - began_at_);
  const bool has_reached = server_index_ && socket_.is_open() && !(is_refused_ && answers_ == 0);
  if (!has_reached) origin_.frontend.state->traffic(sessions.worker).errors.add(1);
  if (!sessions.is_logging) return;
  SessionRecord record;
  record.id = id();
  record.generation = origin_.pin.table->generation();
  record.frontend = origin_.frontend.state;
  record.backend = &backend().balance.state();
  record.server = server();
  record.client = key().client;
  if (server_index_) record.server_address = server_address_;
  record.duration = now() - began_at_;
  record.began_at = std::chrono::system_clock::now() -
                    std::chrono::duration_cast<std::chrono::microseconds>(record.duration);
  record.connect_time = answer_time_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.ending = ending_;
  record.retries = retries_;
  sessions.log.push(record);
}

// --- Looking at it ---

balance::ServerState* UdpFlow::server() const noexcept {
  return server_index_ ? backend().balance.candidate(*server_index_).state : nullptr;
}

SessionRow UdpFlow::describe() const {
  const auto seconds_of = [](base::Duration time) {
    return std::chrono::duration<double>(time).count();
  };
  SessionRow row;
  row.id = id();
  row.frontend = origin_.frontend.state->name();
  row.backend = backend().balance.state().name();
  row.server = server() != nullptr ? server()->name() : "-";
  row.client = key().client.to_string();
  row.address = server_index_ ? server_address_.to_string() : "-";
  row.age = seconds_of(now() - began_at_);
  row.idle = seconds_of(now() - last_activity_);
  row.bytes_in = bytes_in_;
  row.bytes_out = bytes_out_;
  row.state = is_open() ? "relaying" : "closing";
  row.relay = row.relay_in = row.relay_out = "copy";
  row.tls = "-";
  row.generation = origin_.pin.table->generation();
  row.worker = context_.sessions.worker;
  return row;
}

}  // namespace sluice::proxy
