// Finished sessions on their way from a worker to the log: a bounded ring with one writer and one
// reader.
//
// The worker never waits: a record that finds the ring full is dropped and counted. Records point
// at live state and at names in tables; the reader empties the ring before it frees a table, and a
// worker gives a table back only after its last record. Threads: `push()` the worker, `pop()` the
// control thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "balance/server.h"
#include "base/clock.h"
#include "proxy/frontend_state.h"
#include "proxy/relay_plan.h"
#include "proxy/tls_gear.h"
#include "sluice/address.h"
#include "stats/counters.h"

namespace sluice::proxy {

/// What was agreed on with one side; names that live for ever, null where it spoke plaintext.
struct TlsNames {
  const char* version = nullptr;
  const char* cipher = nullptr;
};

/// One finished session.
struct SessionRecord {
  std::uint64_t id = 0;
  std::uint64_t generation = 0;
  const FrontendState* frontend = nullptr;
  const balance::BackendState* backend = nullptr;
  const balance::ServerState* server = nullptr;  ///< null: none was reached
  Endpoint client;
  Endpoint server_address;
  std::chrono::system_clock::time_point began_at;
  /// From the end of the greeting (the accept where there is none) until bytes could be relayed; 0
  /// where no server was reached.
  base::Duration connect_time{0};
  base::Duration duration{0};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Ending ending;
  std::uint32_t retries = 0;
  bool upstream_spliced = false;
  bool downstream_spliced = false;
  bool has_tls = false;  ///< the two below mean something
  UserReason upstream_gear = UserReason::kNone;
  UserReason downstream_gear = UserReason::kNone;
  TlsNames client_tls;
  TlsNames server_tls;
  std::string server_name;  ///< what the client asked for; may hold any bytes but NUL
  std::string problem;      ///< the last one that a stage had, in words
};

class SessionLog {
 public:
  /// `capacity`: a power of two.
  explicit SessionLog(std::size_t capacity);

  void push(const SessionRecord& record) noexcept;
  [[nodiscard]] std::optional<SessionRecord> pop() noexcept;

  /// Any thread; true may be out of date at once.
  [[nodiscard]] bool has_records() const noexcept {
    return read_.load(std::memory_order_acquire) != written_.load(std::memory_order_acquire);
  }
  [[nodiscard]] const stats::Counter& drops() const noexcept { return drops_; }

 private:
  std::vector<SessionRecord> records_;
  stats::Counter drops_;
  alignas(64) std::atomic<std::size_t> written_{0};
  alignas(64) std::atomic<std::size_t> read_{0};
};

}  // namespace sluice::proxy
