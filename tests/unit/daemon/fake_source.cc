#include "fake_source.h"

#include <algorithm>
#include <utility>

namespace sluice::daemon {
namespace {

FrontendRow make_frontend(std::string name, std::string listen, std::string backend) {
  FrontendRow row;
  row.name = std::move(name);
  row.protocol = "tcp";
  row.listen = {std::move(listen)};
  row.backend = std::move(backend);
  row.state = "OPEN";
  row.current = 2;
  row.max = 340;
  row.total = 120'034;
  row.bytes_in = 1'234'567;
  row.bytes_out = 98'765'432'109;
  row.refused = 3;
  row.errors = 17;
  return row;
}

BackendRow make_backend(std::string name, std::uint64_t servers) {
  BackendRow row;
  row.name = std::move(name);
  row.policy = "round_robin";
  row.state = "UP";
  row.servers = servers;
  row.servers_up = servers;
  row.current = 2;
  row.max = 340;
  row.total = 120'017;
  row.bytes_in = 1'234'567;
  row.bytes_out = 98'765'432'109;
  row.errors = 4;
  row.retries = 4;
  return row;
}

ServerRow make_server(std::string frontend, std::string backend, std::string server,
                      std::string state) {
  ServerRow row;
  row.frontend = std::move(frontend);
  row.backend = std::move(backend);
  row.server = std::move(server);
  row.address = "10.0.0.11:8080";
  row.state = std::move(state);
  row.check = "ok 0.4ms";
  row.weight = 1;
  row.mode = "plain";
  row.current = 1;
  row.max = 170;
  row.total = 60'009;
  row.bytes_in = 617'283;
  row.bytes_out = 49'382'716'054;
  row.last_change = 3'723;
  return row;
}

SessionRow make_session(std::uint64_t id, std::string backend, std::string server) {
  SessionRow row;
  row.id = id;
  row.frontend = backend == "shop" ? "web" : "mail";
  row.backend = std::move(backend);
  row.server = std::move(server);
  row.client = "192.0.2.7:51234";
  row.address = "10.0.0.11:8080";
  row.age = 12.5;
  row.idle = 0.25;
  row.bytes_in = 517;
  row.bytes_out = 73'400'320;
  row.state = "relaying";
  row.relay = "splice";
  row.relay_in = "copy";
  row.relay_out = "splice";
  row.tls = "-";
  row.generation = 8;
  return row;
}

Status make_status() {
  Status status;
  status.version = "0.1.0";
  status.pid = 4711;
  status.generation = 8;
  status.generations = {{8, 3, 60.0}, {7, 1, 7'200.0}};
  status.uptime = 93'784;
  status.sessions = 4;
  status.sessions_total = 240'068;
  status.bytes_in = 2'469'134;
  status.bytes_out = 197'530'864'218;
  status.session_rate = 812;
  status.bytes_in_rate = 1'200'000;
  status.bytes_out_rate = 734'003'200;
  status.reloads = 7;
  status.last_reload = "generation 8: +1 server, ~2 servers, -1 frontend, 0 sessions closed";
  status.workers.resize(2);
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    status.workers[worker].worker = worker;
    status.workers[worker].cpu = static_cast<int>(worker);
    status.workers[worker].sessions = 2;
    status.workers[worker].total = 120'034;
  }
  status.frontends = {make_frontend("web", "0.0.0.0:443", "shop"),
                      make_frontend("mail", "[::]:25", "post")};
  status.backends = {make_backend("shop", 3), make_backend("post", 1)};
  return status;
}

}  // namespace

FakeSource::FakeSource()
    : sessions_{make_session(11, "shop", "app1"), make_session(12, "shop", "app2"),
                make_session(13, "post", "mx1")},
      reload_{true, 9, "generation 9: +1 server, ~2 servers, -1 frontend, 0 sessions closed", {}} {
  metrics_.status = make_status();
  metrics_.servers = {
      make_server("web", "shop", "app1", "UP"), make_server("web", "shop", "app2", "DOWN 1/2"),
      make_server("web", "shop", "spare", "STANDBY"), make_server("mail", "post", "mx1", "UP")};
  metrics_.servers[1].check = "connection refused";
  metrics_.reasons = {{"client_closed", "client", 110'000}, {"connect_failed", "server", 17}};
  metrics_.connect_time = {{0.001, 0.01}, {5, 1, 0}, 0.01};
  metrics_.session_time = {{1, 60}, {100, 20, 3}, 1'234.5};
}

std::vector<ServerRow> FakeSource::servers(std::string_view backend) {
  std::vector<ServerRow> rows = metrics_.servers;
  std::erase_if(rows,
                [&](const ServerRow& row) { return !backend.empty() && row.backend != backend; });
  return rows;
}

void FakeSource::sessions(SessionFilter filter, SessionsCallback done) {
  answer([this, filter = std::move(filter), done = std::move(done)] {
    SessionList list{sessions_, 0};
    std::erase_if(list.rows, [&](const SessionRow& row) {
      return (!filter.backend.empty() && row.backend != filter.backend) ||
             (!filter.server.empty() && row.server != filter.server);
    });
    list.total = list.rows.size();
    list.rows.resize(std::min(list.rows.size(), filter.limit));
    done(std::move(list));
  });
}

void FakeSource::reload(ReloadCallback done) {
  answer([this, done = std::move(done)] { done(reload_); });
}

void FakeSource::kill_session(std::uint64_t id, KillCallback done) {
  answer([this, id, done = std::move(done)] {
    done({std::erase_if(sessions_, [id](const SessionRow& row) { return row.id == id; })});
  });
}

void FakeSource::kill_server_sessions(std::string backend, std::string server, KillCallback done) {
  answer([this, backend = std::move(backend), server = std::move(server), done = std::move(done)] {
    done({std::erase_if(sessions_, [&](const SessionRow& row) {
      return row.backend == backend && row.server == server;
    })});
  });
}

ServerOutcome FakeSource::change_server(const ServerCommand& command) {
  commands_.push_back(command);
  for (ServerRow& row : metrics_.servers) {
    if (row.backend != command.backend || row.server != command.server) continue;
    if (command.action == ServerAction::kDrain) row.state = "DRAIN";
    if (command.action == ServerAction::kReady) row.state = "UP";
    if (command.action == ServerAction::kMaintenance) row.state = "MAINT";
    if (command.action == ServerAction::kWeight) row.weight = command.weight;
    return {row.backend,
            row.server,
            row.state,
            row.weight,
            row.current,
            "the next reload",
            row.backend + '/' + row.server + ": " + row.state + "; until the next reload"};
  }
  return {};
}

void FakeSource::release() {
  while (!held_.empty()) {
    const auto call = std::move(held_.front());
    held_.pop_front();
    call();
  }
}

void FakeSource::answer(std::function<void()> call) {
  if (hold_) {
    held_.push_back(std::move(call));
  } else {
    call();
  }
}

}  // namespace sluice::daemon
