// Leaves out of the traffic, for a while, servers that fail their sessions (`outlier`).
//
//   serving --> failing --+--> ejected --> serving      after its time, when it serves again, by
//   order
//                         +--> spared --> serving       too many others of the backend are ejected
//
// Workers tell of streaks of failures (balance/outlier.h). Each ejection soon after another one
// lasts longer. A spared server gets traffic on; it is judged anew when another one comes back and
// at a reload. A reload keeps what is ejected, by name. Each change is one line in the log.
//
// Control thread. Limits: remembers servers of the configuration only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "balance/server.h"
#include "sluice/config.h"

namespace sluice::daemon {

class Ejector {
 public:
  using ServerPtr = std::shared_ptr<balance::ServerState>;
  using OnEvent = std::function<void(LogLevel, const std::string&)>;

  /// `io` outlives it.
  Ejector(boost::asio::io_context& io, OnEvent on_event);
  Ejector(const Ejector&) = delete;
  Ejector& operator=(const Ejector&) = delete;
  ~Ejector();

  /// The sessions of a server of `backend` fail. Does nothing where one has been served meanwhile.
  void on_failing(const ServerPtr& server, const balance::Streak& streak,
                  const BackendConfig& backend);
  /// They do not any more.
  void on_serving(const balance::ServerState& server);
  /// An operator wants it back; its past is forgotten.
  void forgive(const balance::ServerState& server);
  /// A new configuration is in force: servers that are not in it, or must not be ejected any more,
  /// are forgotten.
  void apply(const Config& config);
  /// Nothing will happen any more.
  void stop() noexcept;

 private:
  struct Record;

  void eject(Record& record, const balance::Streak& streak, const BackendConfig& backend);
  void spare(Record& record, const balance::Streak& streak);
  void readmit(Record& record, std::string_view why);
  void judge_spared_anew(const balance::BackendState& backend);
  [[nodiscard]] std::uint64_t ejected_of(const balance::BackendState& backend) const;

  boost::asio::io_context& io_;
  OnEvent on_event_;
  std::map<const balance::ServerState*, std::unique_ptr<Record>> records_;
};

}  // namespace sluice::daemon
