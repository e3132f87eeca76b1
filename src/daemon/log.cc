#include "daemon/log.h"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

#include "daemon/session_line.h"

namespace sluice::daemon {
namespace {

bool is_any_stuck = false;

constexpr std::size_t kQueueLines = 8192;

/// How long the end of the process waits for a log that does not take its last lines.
constexpr std::chrono::seconds kFlushLimit{1};

const char* level_name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "info";
}

}  // namespace

Log::Log() : pool_(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  logger_ = std::make_shared<spdlog::async_logger>("sluice", std::move(sink), pool_,
                                                   spdlog::async_overflow_policy::overrun_oldest);
  logger_->set_pattern("%v");
  logger_->set_level(spdlog::level::trace);
  logger_->flush_on(spdlog::level::trace);
  // What the sink cannot write (a closed stderr) is nobody's to know.
  logger_->set_error_handler([](const std::string&) {});
}

Log::~Log() {
  const auto deadline = std::chrono::steady_clock::now() + kFlushLimit;
  while (!is_flushed() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  logger_.reset();
  if (is_flushed()) return;
  // Its thread sits in write(2) and may do so for ever: the process ends without it.
  is_any_stuck = true;
  static_cast<void>(new (std::nothrow) auto(std::move(pool_)));
}

bool Log::is_stuck() noexcept {
  return is_any_stuck;
}

bool Log::is_flushed() const {
  pollfd writable{STDERR_FILENO, POLLOUT, 0};
  return pool_->queue_size() == 0 && ::poll(&writable, 1, 0) == 1;
}

void Log::configure(const LogConfig& config) {
  level_ = config.level;
  format_ = config.format;
}

void Log::event(LogLevel level, std::string_view text) {
  if (level > level_) return;
  const auto now = timestamp(std::chrono::system_clock::now());
  if (format_ == LogFormat::kText) {
    std::string line = now;
    line.append(" ").append(level_name(level)).append(" ").append(text);
    return write(line);
  }
  nlohmann::ordered_json line;
  line["time"] = now;
  line["level"] = level_name(level);
  line["message"] = text;
  write(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Log::session(const proxy::SessionRecord& record) {
  if (LogLevel::kInfo > level_) return;
  if (format_ == LogFormat::kJson) return write(session_json(record));
  write(timestamp(std::chrono::system_clock::now()) + " info " + session_text(record));
}

void Log::write(const std::string& line) {
  logger_->info(line);
}

std::uint64_t Log::drops() const {
  return pool_->overrun_counter();
}

}  // namespace sluice::daemon
