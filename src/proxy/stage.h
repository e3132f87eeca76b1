// A stage: a small machine that has a socket for itself before bytes are relayed. Reading a PROXY
// header, looking at a ClientHello, a TLS handshake, sending a PROXY header are stages.
//
//   made --> start() --> working --+--> done --------------+--> stop() --> quiet --> destroyed
//                           |      +--> failed (expire()) -+
//                           +--> stop(): stopped
//
// Sequences of stages are part of the compiled table: one for a frontend, on the client's socket
// before a server is chosen; one for a server, on its socket once it is connected. The session runs
// a sequence one stage after the other. A stage reads no byte beyond what it is there for, or
// leaves what it has read in `Findings`; the next one begins with that, and the relay writes what
// is left of it first.
//
// A stage tells its host after each completion of one of its operations and does nothing more
// then: the host may destroy it (`settle()`, as in uring/completion.h). It may also be done when
// `start()` returns, which the host looks at. Time is the session's timer's: it calls `expire()`.
// One heap object for the time of the stage. Thread: its worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "balance/address_counts.h"
#include "base/clock.h"
#include "proxy/direction.h"
#include "proxy/http_findings.h"
#include "proxy/relay_plan.h"
#include "proxy/secure_leg.h"
#include "sluice/address.h"
#include "tls/handshake.h"
#include "tls/secrets.h"
#include "tls/ticket_reader.h"

namespace sluice::proxy {

struct BackendRoute;
struct RelayContext;

/// One end of a session that speaks TLS, from the moment its handshake is done: the keys are ours,
/// and so is every byte on that socket.
struct TlsLeg {
  tls::SessionSecrets secrets;
  tls::Negotiated negotiated;
  std::unique_ptr<tls::TicketReader> tickets;  ///< of a server that may send some
  ByteString unsent;  ///< the handshake's last records, sealed: they go before anything else
};

/// What the stages of one session have found out, and bytes they have read and not used.
struct Findings {
  Endpoint client;       ///< as policies, limits and logs are to see it
  Endpoint destination;  ///< where the client wanted to go; unspecified: the socket's own address
  std::string server_name;          ///< SNI, lower case; empty = none
  std::string unique_id;            ///< from a PROXY header; empty = none
  std::string told_server_name;     ///< likewise: what the connection before ours asked for
  std::string told_alpn;            ///< likewise
  BackendRoute* backend = nullptr;  ///< where the session goes; null = the frontend's default
  ByteString from_client;           ///< read from the client's socket, not used
  ByteString from_server;           ///< read from the server's socket, not used
  /// Where a handshake is done on that side; the bytes above are then ciphertext that begins at a
  /// record boundary.
  std::unique_ptr<TlsLeg> client_tls;
  std::unique_ptr<TlsLeg> server_tls;
  /// Where a stage has opened records of the client's: the keys as they are now, which are no
  /// longer in `client_tls`.
  std::unique_ptr<SecureLeg> client_leg;
  std::unique_ptr<HttpFindings> http;   ///< of an HTTP frontend
  balance::AddressPlace address_place;  ///< counts the session for its client's address
  /// A stage has said the last word to the client and ended our side: it may still be sending.
  bool is_client_told = false;
  std::string problem;  ///< why a stage has failed, in words; empty = the ending says it all
};

/// The session, as its stages see it.
class StageHost {
 public:
  /// After every completion of an operation of its stage. The stage may be gone when this returns.
  virtual void on_stage_progress() noexcept = 0;

 protected:
  ~StageHost() = default;
};

/// What a stage works with; all of it outlives the stage.
struct StageSeat {
  RelayContext& context;
  StageHost& host;
  Findings& findings;
  int fd;         ///< the socket, which stays the session's
  int client_fd;  ///< the client's, which is the same in a greeting
  std::uint32_t worker;
  std::uint64_t session_id;
};

class Stage {
 public:
  enum class Progress : std::uint8_t { kWorking, kDone, kFailed, kStopped };

  /// How long the stage may work, 0 = for ever, and what its expiry means.
  struct TimeLimit {
    base::milliseconds after{0};
    Ending ending;
  };

  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  /// Must be quiet.
  virtual ~Stage() = default;

  virtual void start() noexcept = 0;

  /// Asks what is in flight to end; a stage that works is not to go on. May be called again.
  void stop() noexcept {
    if (progress_ == Progress::kWorking) progress_ = Progress::kStopped;
    cancel();
  }

  /// Nothing is in flight.
  [[nodiscard]] virtual bool is_quiet() const noexcept = 0;

  /// Its time is over.
  void expire() noexcept {
    if (progress_ == Progress::kWorking) fail(limit_.ending);
  }

  [[nodiscard]] Progress progress() const noexcept { return progress_; }
  /// Why it failed. An ending by the server lets the session try another one.
  [[nodiscard]] const Ending& ending() const noexcept { return ending_; }
  [[nodiscard]] const TimeLimit& time_limit() const noexcept { return limit_; }

  void settle() noexcept { seat_.host.on_stage_progress(); }

 protected:
  Stage(StageSeat seat, TimeLimit limit) noexcept : seat_(seat), limit_(limit) {}

  /// Asks the operations in flight to end.
  virtual void cancel() noexcept = 0;

  void finish() noexcept { progress_ = Progress::kDone; }
  void fail(Ending ending) noexcept {
    progress_ = Progress::kFailed;
    ending_ = ending;
  }

  StageSeat seat_;

 private:
  TimeLimit limit_;
  Progress progress_ = Progress::kWorking;
  Ending ending_;
};

/// Makes the stage of one place in a sequence. Part of an immutable table; all workers use it at
/// once.
class StageMaker {
 public:
  StageMaker() = default;
  StageMaker(const StageMaker&) = delete;
  StageMaker& operator=(const StageMaker&) = delete;
  virtual ~StageMaker() = default;

  /// Null: this session needs none.
  [[nodiscard]] virtual std::unique_ptr<Stage> make(const StageSeat& seat) const = 0;
};

using StageSequence = std::vector<std::unique_ptr<StageMaker>>;

}  // namespace sluice::proxy
