// Looks host names up by getaddrinfo(3), as everything on the machine does (hosts file, DNS, mDNS,
// whatever nsswitch.conf says), on threads of its own.
//
// At most kThreads look up at a time; further names wait. A thread ends when nothing waits. One
// that hangs in a dead name server outlives this object and then throws its answer away: nothing
// waits for it, not even the end of the process. Control thread; answers come out of the
// io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/address.h"

namespace sluice::daemon {

struct NameAnswer {
  std::vector<Endpoint> addresses;  ///< in the order of preference (RFC 6724), port 0
  std::string error;                ///< why there are none: `Name or service not known`
};

class NameLookup {
 public:
  static constexpr std::size_t kThreads = 8;
  using Done = std::function<void(const NameAnswer&)>;

  /// `io` lives longer.
  explicit NameLookup(boost::asio::io_context& io);
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;
  /// No `done` is called any more.
  ~NameLookup();

  /// `done` is called once, later.
  void look_up(std::string name, Done done);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::daemon
