// A client's connection and the server's, from accept to the last close.
//
//   start() --> greeting --> connecting --> introducing --> relaying --> closing --> delivering
//     |         ^      |       ^  |  ^          |             ^            |             |
//     v         |      |       |  |  +----------+ next server |            v             v
//     admitting-+      |       |  +---- no introduction ------+          ended <---------+
//                      v       v
//                      waiting, pausing         every state before closing leads to it as well
//
// admitting: the frontend has as many sessions as it may (`max_connections`); nothing is read.
// waiting: no server has room; left for connecting, or for waiting when the server of a later try
// is full. greeting: the frontend's stages have the client's socket (stage.h); a frontend without
// any passes at once. connecting: a server has been picked and connect(2) is in flight; failure or
// timeout picks another. pausing: before the only server is tried again. introducing: the server's
// stages have its socket; where one of them fails by the server's doing, another server is picked.
// relaying: two directions move bytes; `judge()` (relay_plan.h) says when an end is passed on and
// when the session is over. closing: the reason is recorded, everything in flight has been asked to
// end; lasts until nothing is. delivering: a reset is due, but bytes before it are still under way
// to the one who is to see it, or a client that was answered by us still sends. ended: `settle()`
// takes the session out of its set, which destroys it.
//
// `enter()` is the only writer of the state and checks the edge; `settle()` runs after every
// completion and is the only place where a session goes on to the next stage, judges, moves on from
// closing, or ends. The phases have files of their own: session_front.cc (stages),
// session_wait.cc, session_connect.cc, session_relay.cc, session_http.cc, session_end.cc. Thread:
// its worker's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "balance/backend.h"
#include "base/clock.h"
#include "base/intrusive_list.h"
#include "proxy/relay.h"
#include "proxy/secure_relay.h"
#include "proxy/session_http.h"
#include "proxy/session_log.h"
#include "proxy/session_tls.h"
#include "proxy/session_wait.h"
#include "proxy/stage.h"
#include "proxy/table_pins.h"
#include "reactor/timer_wheel.h"
#include "sluice/address.h"
#include "sluice/stats.h"
#include "stats/histogram.h"
#include "sys/fd.h"

namespace sluice::proxy {

class Session;

/// Takes a session back that has ended.
class SessionOwner {
 public:
  virtual void on_session_ended(Session& session) noexcept = 0;

 protected:
  ~SessionOwner() = default;
};

/// What all sessions of a worker share.
struct SessionContext {
  RelayContext& relay;
  TablePins& pins;
  SessionOwner& owner;
  WaitingRoom& room;
  std::uint32_t worker = 0;
  bool is_logging = true;  ///< finished sessions go to `log`
  SessionLog& log;
  stats::ReasonCounters reasons;
  stats::Histogram connect_time;
  stats::Histogram session_time;
};

class Session final : public base::ListHook<>,
                      private RelayHost,
                      private StageHost,
                      private WaitHost {
 public:
  enum class State : std::uint8_t {
    kAdmitting,
    kGreeting,
    kWaiting,
    kConnecting,
    kPausing,
    kIntroducing,
    kRelaying,
    kClosing,
    kDelivering,
    kEnded,
  };

  Session(SessionContext& context, std::uint64_t id, sys::Fd client, TablePin& pin,
          FrontendRoute& frontend) noexcept;
  ~Session();

  /// Greets the client, picks a server and connects. May end, and destroy, the session at once.
  void start() noexcept;

  /// Ends it from outside, for this reason, on our side. May destroy it at once.
  void close(CloseReason reason) noexcept;

  [[nodiscard]] SessionRow describe() const;
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// Null until one is picked.
  [[nodiscard]] balance::ServerState* server() const noexcept;
  [[nodiscard]] const balance::BackendState& backend() const noexcept;

  void settle() noexcept;

 private:
  void on_relay_progress() noexcept override { settle(); }
  void on_stage_progress() noexcept override { settle(); }
  void on_wait_progress() noexcept override { settle(); }
  void on_connect(uring::Outcome outcome) noexcept;
  void on_timer() noexcept;
  void enter(State next) noexcept;
  void arm(base::Duration after) noexcept;

  // Waiting (session_wait.cc)
  [[nodiscard]] bool is_waiting() const noexcept;
  Waiter::Answer on_turn(std::uint64_t ticket) noexcept override;
  void on_admitted() noexcept;
  void wait_in(balance::WaitLine& line, std::uint64_t ticket) noexcept;
  void leave_line() noexcept;
  void give_place_up() noexcept;
  void leave_frontend() noexcept;
  void call_waiting() noexcept;
  void wait_for_server(balance::WaitLine& line) noexcept;
  void change_line(balance::WaitLine& line) noexcept;

  // Stages (session_front.cc)
  void start_next_stage() noexcept;
  void hand_out_tickets() noexcept;
  void follow_stage() noexcept;
  void end_greeting() noexcept;
  [[nodiscard]] const StageSequence* stages() const noexcept;
  [[nodiscard]] StageSeat seat();

  // HTTP (session_http.cc)
  [[nodiscard]] std::optional<std::uint32_t> bound_server(
      const balance::PickContext& wish) const noexcept;
  void begin_http();
  [[nodiscard]] int answer_status(const Ending& ending) const noexcept;
  void answer_client(const Ending& ending) noexcept;
  [[nodiscard]] bool send_answer(std::string_view answer) noexcept;

  // Choosing and connecting (session_connect.cc)
  void connect_to_next() noexcept;
  [[nodiscard]] bool try_to_connect(std::uint64_t ticket) noexcept;
  void submit_connect() noexcept;
  void on_connect_failed(int error) noexcept;
  void move_on(Ending ending) noexcept;
  void leave_server() noexcept;
  void begin_introducing() noexcept;

  // Relaying (session_relay.cc)
  void begin_relaying() noexcept;
  [[nodiscard]] DirectionPtr make_direction(const DirectionEnds& ends, SecureRelay::Legs legs);
  void judge_relays() noexcept;
  void pass_end(Direction& direction) noexcept;
  void note_ends() noexcept;
  void part_with(sys::Fd& fd, bool is_reset) noexcept;
  void check_quietness() noexcept;
  void note_question() noexcept;
  [[nodiscard]] std::optional<base::Duration> time_to_answer() const noexcept;

  // Ending (session_end.cc)
  void begin_closing(Ending ending) noexcept;
  void finish_closing() noexcept;
  void begin_lingering();
  void follow_lingering() noexcept;
  void check_delivery() noexcept;
  void finish() noexcept;
  void record() noexcept;
  void record_tls(SessionRecord& record) const;
  void count_tls() noexcept;

  [[nodiscard]] bool is_quiet() const noexcept;
  [[nodiscard]] bool is_half_closed() const noexcept;
  [[nodiscard]] base::Duration quiet_limit() const noexcept;
  [[nodiscard]] base::TimePoint last_activity() const noexcept;
  [[nodiscard]] base::TimePoint now() const noexcept { return context_.relay.reactor.now(); }

  SessionContext& context_;
  TablePin& pin_;
  FrontendRoute& frontend_;
  BackendRoute* backend_;  ///< the frontend's default until the greeting is over
  std::uint64_t id_;
  base::TimePoint began_at_;
  base::TimePoint greeted_at_;
  base::Duration connect_time_{0};
  base::TimePoint asked_at_;  ///< when the client's first byte went on to the server
  sys::Fd client_;
  sys::Fd server_;
  Endpoint client_address_;
  std::optional<std::uint32_t> server_index_;
  Endpoint server_address_;  ///< the last one tried; a host name's may change meanwhile
  balance::TriedServers tried_;
  std::uint32_t retries_ = 0;
  State state_ = State::kAdmitting;
  std::uint8_t next_stage_ = 0;
  Ending ending_;
  Side first_end_ = Side::kUs;
  bool is_timed_out_ = false;
  bool is_server_slow_ = false;  ///< its socket has no TCP_NODELAY yet
  bool is_reset_due_ = false;
  bool is_lingering_due_ = false;
  bool has_keepalive_ = false;
  bool is_admitted_ = false;    ///< counted among the sessions of its frontend
  sys::Fd* parting_ = nullptr;  ///< delivering: whose last bytes are waited for
  base::TimePoint parting_deadline_;
  base::milliseconds parting_check_{0};
  Run run_;
  std::unique_ptr<Findings> findings_;  ///< null for a session without stages
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<SessionWait> wait_;  ///< null for a session that never had to wait
  std::unique_ptr<SessionTls> tls_;    ///< null while nobody relays, and where both sides are plain
  std::unique_ptr<SessionHttp> http_;  ///< null before the relaying, and on other frontends
  DirectionPtr upstream_;
  DirectionPtr downstream_;
  uring::Op<&Session::on_connect> connect_{*this};
  reactor::Timer<&Session::on_timer> timer_{*this};
};

}  // namespace sluice::proxy
