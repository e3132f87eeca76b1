#include "daemon/address_book.h"

#include <algorithm>
#include <utility>

#include "config/scalars.h"

namespace sluice::daemon {
namespace {

using std::chrono::milliseconds;

/// Without the port, which lookups leave 0: `10.0.0.7`, `fd00::7`.
std::string text_of(const Endpoint& address) {
  const std::string text = address.to_string();
  const std::string ip = text.substr(0, text.rfind(':'));
  return ip.starts_with('[') ? ip.substr(1, ip.size() - 2) : ip;
}

/// The host names of a configuration, each with how often it is looked up.
std::map<std::string, milliseconds> names_of(const Config& config) {
  std::map<std::string, milliseconds> names;
  for (const BackendConfig& backend : config.backends) {
    const milliseconds interval = backend.resolve_interval;
    for (const ServerConfig& server : backend.servers) {
      if (!has_host_name(server)) continue;
      const auto [name, is_new] = names.emplace(server.address, interval);
      if (is_new || interval.count() == 0) continue;
      const bool is_off = name->second.count() == 0;
      name->second = is_off ? interval : std::min(name->second, interval);
    }
  }
  return names;
}

}  // namespace

bool has_host_name(const ServerConfig& server) {
  return !config::is_ip_address(server.address);
}

AddressBook::AddressBook(boost::asio::io_context& io, OnEvent on_event)
    : io_(io), on_event_(std::move(on_event)), lookup_(io), patience_(io) {}

void AddressBook::look_up(const Config& config, OnRound done) {
  done_ = std::move(done);
  for (const auto& [name, interval] : names_of(config)) {
    missing_.insert(name);
    ask(name, entries_.try_emplace(name, io_).first->second);
  }
  if (missing_.empty()) return finish_round();
  patience_.expires_after(kPatience);
  patience_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish_round();
  });
}

void AddressBook::finish_round() {
  patience_.cancel();
  missing_.clear();
  if (done_) std::exchange(done_, nullptr)();
}

void AddressBook::follow(const Config& config) {
  const auto names = names_of(config);
  std::erase_if(entries_, [&](const auto& entry) { return !names.contains(entry.first); });
  for (const auto& [name, interval] : names) {
    Entry& entry = entries_.try_emplace(name, io_).first->second;
    entry.interval = interval;
    wait(name, entry);
  }
}

void AddressBook::stop() {
  entries_.clear();
  missing_.clear();
  done_ = nullptr;
  patience_.cancel();
}

void AddressBook::ask(const std::string& name, Entry& entry) {
  if (std::exchange(entry.is_asked, true)) return;
  lookup_.look_up(name, [this, name](const NameAnswer& answer) { on_answer(name, answer); });
}

void AddressBook::on_answer(const std::string& name, const NameAnswer& answer) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.is_asked = false;
  if (answer.addresses.empty()) {
    fail(name, entry, answer.error);
  } else {
    take(name, entry, answer);
  }
  wait(name, entry);
  if (missing_.erase(name) > 0 && missing_.empty()) finish_round();
}

void AddressBook::take(const std::string& name, Entry& entry, const NameAnswer& answer) {
  entry.error.clear();
  const auto& addresses = answer.addresses;
  if (std::find(addresses.begin(), addresses.end(), entry.address) != addresses.end()) return;
  const Endpoint before = std::exchange(entry.address, addresses.front());
  on_event_(LogLevel::kInfo,
            name + " is at " + text_of(entry.address) +
                (before.is_specified() ? " now, it was at " + text_of(before) : std::string()));
}

void AddressBook::fail(const std::string& name, Entry& entry, const std::string& error) {
  if (std::exchange(entry.error, error) == error) return;
  on_event_(LogLevel::kWarn,
            "cannot resolve " + name + ": " + error +
                (entry.address.is_specified() ? "; it stays at " + text_of(entry.address)
                                              : std::string()));
}

/// The next lookup, counted from now. While an answer is on its way there is nothing to wait for.
void AddressBook::wait(const std::string& name, Entry& entry) {
  entry.timer.cancel();
  if (entry.interval.count() == 0 || entry.is_asked) return;
  entry.timer.expires_after(entry.interval);
  entry.timer.async_wait([this, name](const boost::system::error_code& error) {
    if (error) return;
    const auto found = entries_.find(name);
    if (found != entries_.end()) ask(name, found->second);
  });
}

Endpoint AddressBook::find(const ServerConfig& server) const {
  if (const auto address = Endpoint::from_ip(server.address, server.port)) return *address;
  const auto found = entries_.find(server.address);
  return found == entries_.end() || !found->second.address.is_specified()
             ? Endpoint()
             : found->second.address.with_port(server.port);
}

std::string AddressBook::problem(const ServerConfig& server) const {
  const auto found = entries_.find(server.address);
  return "cannot resolve " + server.address + ": " +
         (found == entries_.end() ? "no answer yet" : found->second.error);
}

}  // namespace sluice::daemon
