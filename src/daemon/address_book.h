// The addresses of the servers that the configuration calls by host names.
//
//   unknown --answer--> known --answer--> known     a failed lookup changes nothing that is known
//
// A name keeps its address as long as an answer still has it, whatever the order (round robin DNS);
// else it moves to the first of the answer. Names are looked up when a configuration comes
// (`look_up()`), and again every `resolve_interval`, the shortest of those that backends have for
// them. Control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "daemon/name_lookup.h"
#include "sluice/address.h"
#include "sluice/config.h"

namespace sluice::daemon {

/// A server that the configuration calls by a host name, not by an IP address.
[[nodiscard]] bool has_host_name(const ServerConfig& server);

class AddressBook {
 public:
  /// Longest that a start or a reload waits for answers; later ones still count.
  static constexpr std::chrono::milliseconds kPatience{2000};

  /// Takes one line for the log: `app1.internal is at 10.0.0.7 now, it was at 10.0.0.4`. Called
  /// whenever what is known of a name, or the reason why it is not, has changed.
  using OnEvent = std::function<void(LogLevel, const std::string&)>;
  using OnRound = std::function<void()>;

  /// `io` lives longer.
  AddressBook(boost::asio::io_context& io, OnEvent on_event);
  AddressBook(const AddressBook&) = delete;
  AddressBook& operator=(const AddressBook&) = delete;

  /// Looks up all host names of a configuration; `done` follows when each has its answer, and after
  /// kPatience at the latest; at once where there are none. One call at a time.
  void look_up(const Config& config, OnRound done);

  /// From now on the names of this configuration, and no others, are looked up at intervals.
  void follow(const Config& config);
  /// Nothing is looked up any more.
  void stop();

  /// Where a server is: at its address, or where its name's last answer was; unspecified where
  /// there has been none.
  [[nodiscard]] Endpoint find(const ServerConfig& server) const;
  /// Why that is unknown: `cannot resolve app1.internal: Name or service not known`.
  [[nodiscard]] std::string problem(const ServerConfig& server) const;

 private:
  struct Entry {
    explicit Entry(boost::asio::io_context& io) : timer(io) {}
    Endpoint address;  ///< port 0
    std::string error = "no answer yet";
    std::chrono::milliseconds interval{0};  ///< 0: only when a configuration comes
    bool is_asked = false;                  ///< an answer is on its way
    boost::asio::steady_timer timer;
  };

  void ask(const std::string& name, Entry& entry);
  void on_answer(const std::string& name, const NameAnswer& answer);
  void take(const std::string& name, Entry& entry, const NameAnswer& answer);
  void fail(const std::string& name, Entry& entry, const std::string& error);
  void wait(const std::string& name, Entry& entry);
  void finish_round();

  boost::asio::io_context& io_;
  OnEvent on_event_;
  NameLookup lookup_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> missing_;  ///< answers that `done_` waits for
  OnRound done_;
  boost::asio::steady_timer patience_;
};

}  // namespace sluice::daemon
