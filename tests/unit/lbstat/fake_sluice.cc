// The admin interface of a proxy that does not exist: serves the rows of FakeSource, so that lbstat
// (and curl) can be tried end to end.
//
//   fake_sluice SOCKET [refuse | many]...
//
// refuse: every reload is refused. many: forty servers with long names. Counters grow with time. It
// says "ready" once it listens and ends when its standard input does.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "daemon/admin.h"
#include "fake_source.h"

namespace {

using namespace sluice;

void refuse_reloads(daemon::FakeSource& source) {
  source.reload_ = {false,
                    8,
                    "",
                    {"sluice.yaml:3:1: error: workres: unknown key, did you mean \"workers\"?",
                     "sluice.yaml:9:5: error: frontends[0].backend: no backend \"shpo\""}};
}

void add_many(daemon::FakeSource& source) {
  for (int number = 0; number < 40; ++number) {
    ServerRow row = source.metrics_.servers[static_cast<std::size_t>(number) % 4];
    row.server = "application-server-in-the-second-hall-" + std::to_string(number);
    row.backend = "a-backend-with-a-rather-long-name-too";
    row.frontend = "public-frontend-of-the-shop";
    row.address = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535";
    row.mode = number % 2 == 0 ? "reencrypt" : "passthrough";
    row.errors = static_cast<std::uint64_t>(number);
    row.retries = 3;
    row.queue = number == 7 ? 12 : 0;
    row.weight = 100;
    source.metrics_.servers.push_back(row);
    SessionRow session = source.sessions_.front();
    session.id = 1'000'000'007 + static_cast<std::uint64_t>(number);
    session.client = "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    session.server = row.server;
    session.backend = row.backend;
    session.frontend = row.frontend;
    session.address = row.address;
    session.tls = number % 3 == 0 ? "user: no tls module" : "ktls";
    source.sessions_.push_back(session);
  }
}

/// What a tenth of a second of traffic adds.
void grow(daemon::FakeSource& source) {
  for (ServerRow& row : source.metrics_.servers) {
    row.total += 12;
    row.bytes_in += 100'000;
    row.bytes_out += 10'000'000;
  }
  for (FrontendRow& row : source.metrics_.status.frontends) row.total += 25;
  for (SessionRow& row : source.sessions_) row.bytes_out += 1'000'000;
  source.metrics_.status.uptime += 0.1;
}

void keep_growing(daemon::FakeSource& source, boost::asio::steady_timer& timer) {
  timer.expires_after(std::chrono::milliseconds(100));
  timer.async_wait([&](const boost::system::error_code& stopped) {
    if (stopped) return;
    grow(source);
    keep_growing(source, timer);
  });
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return 2;
  daemon::FakeSource source;
  boost::asio::io_context io(1);
  for (int word = 2; word < count; ++word) {
    if (std::string_view(words[word]) == "refuse") refuse_reloads(source);
    if (std::string_view(words[word]) == "many") add_many(source);
  }
  AdminConfig config;
  config.socket = words[1];
  const auto server = daemon::AdminServer::start(io, source, config);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().text.c_str());
    return static_cast<int>(server.error().exit_code);
  }
  boost::asio::steady_timer timer(io);
  keep_growing(source, timer);
  boost::asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  boost::asio::streambuf ignored;
  boost::asio::async_read(input, ignored, [&](const boost::system::error_code&, std::size_t) {
    (*server)->stop();
    io.stop();  // a timer that has just expired cannot be cancelled any more and would go on
  });
  std::puts("ready");
  std::fflush(stdout);
  io.run();
}
