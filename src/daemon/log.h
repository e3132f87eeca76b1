// The log on stderr: events as text or JSON, one line each, written by a thread of its own.
//
// Lines wait in a bounded queue; what does not fit pushes the oldest out and is counted, so a
// stalled terminal or disk never stalls the proxy. Called on the control thread; workers do not log
// (their sessions come through proxy/session_log.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/session_log.h"
#include "sluice/config.h"

namespace spdlog {
class async_logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace sluice::daemon {

class Log {
 public:
  Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  /// Writes out what is queued; gives up after a second where nobody takes it (`is_stuck()`).
  ~Log();

  /// Level and format from now on.
  void configure(const LogConfig& config);

  void error(std::string_view text) { event(LogLevel::kError, text); }
  void warn(std::string_view text) { event(LogLevel::kWarn, text); }
  void info(std::string_view text) { event(LogLevel::kInfo, text); }
  void debug(std::string_view text) { event(LogLevel::kDebug, text); }
  void event(LogLevel level, std::string_view text);

  /// A log has been given up with its thread inside write(2). exit(3) would wait for the lock of
  /// the stream that it holds: leave by _Exit(2).
  [[nodiscard]] static bool is_stuck() noexcept;

  /// One finished session (session_line.h).
  void session(const proxy::SessionRecord& record);

  /// Lines pushed out of the full queue.
  [[nodiscard]] std::uint64_t drops() const;

 private:
  void write(const std::string& line);
  [[nodiscard]] bool is_flushed() const;

  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
  LogLevel level_ = LogLevel::kInfo;
  LogFormat format_ = LogFormat::kText;
};

}  // namespace sluice::daemon
