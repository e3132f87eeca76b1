// Sessions of HTTP frontends, between a client and a server that are sockets. Needs io_uring.
#include "proxy/session_http.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "line_stage.h"
#include "proxy/http_head_stage.h"
#include "session_bench.h"
#include "spoken.h"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

/// Hears exactly this.
void expect_to_hear(const sys::Fd& fd, std::string_view text) {
  EXPECT_EQ(hear(fd, text.size()), text);
}

struct Setup {
  std::vector<Endpoint> servers;
  base::milliseconds time{0};
  CookieConfig cookie{};
  bool forwarded = false;
};

BackendSetup setup_of(Setup setup) {
  std::vector<std::string> values;
  for (std::size_t index = 0; index < setup.servers.size(); ++index) {
    values.push_back("value" + std::to_string(index + 1));
  }
  return {.servers = std::move(setup.servers),
          .greeting = sequence_of(std::make_unique<HttpHeadMaker>(setup.time)),
          .forwarded = setup.forwarded,
          .cookies = std::make_unique<CookieJar>(setup.cookie, std::move(values))};
}

std::string get(std::string_view fields = "") {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// The answer with what tells the browser to come back to server `number`.
std::string bound_answer(int number) {
  return "HTTP/1.1 200 OK\r\nSet-Cookie: LBSRV=value" + std::to_string(number) +
         "; Path=/; HttpOnly; SameSite=Lax\r\nContent-Length: 2\r\n\r\nhi";
}

void expect_ending(SessionBench& bench, CloseReason reason, Side side) {
  const auto record = bench.next_record();
  ASSERT_TRUE(record.has_value()) << "no session ended";
  EXPECT_EQ(to_string(record->ending.reason), to_string(reason));
  EXPECT_EQ(to_string(record->ending.side), to_string(side));
}

/// All that the client is told, in order.
void expect_answer(const sys::Fd& client, std::string_view begin) {
  const Rest rest = receive_to_end(client.get());
  EXPECT_EQ(rest.error, 0);
  EXPECT_TRUE(text_of(rest.bytes).starts_with(begin)) << text_of(rest.bytes);
}

// --- Persistence ---

TEST(SessionHttp, BindsANewClientWithTheFirstAnswerOnly) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  say(client, get());
  const sys::Fd server = accept_from(listener);
  expect_to_hear(server, get());
  say(server, kAnswer);
  expect_to_hear(client, bound_answer(1));
  say(client, get());
  expect_to_hear(server, get());
  say(server, kAnswer);
  expect_to_hear(client, kAnswer);
}

TEST(SessionHttp, LeadsAClientBackToItsServer) {
  const TcpServer one = make_server();
  const TcpServer two = make_server();
  SessionBench bench(setup_of({.servers = {one.address, two.address}}));
  for (int round = 0; round < 3; ++round) {
    const sys::Fd client = bench.begin();
    const std::string request = get("Cookie: a=b; LBSRV=value2\r\n");
    say(client, request);
    const sys::Fd server = accept_from(two);
    expect_to_hear(server, request);
    say(server, kAnswer);
    expect_to_hear(client, kAnswer);
  }
}

TEST(SessionHttp, BindsAClientAnewWhoseServerIsGone) {
  const TcpServer one = make_server();
  TcpServer two = make_server();
  SessionBench bench(setup_of({.servers = {one.address, two.address}}));
  bench.loop().run([&] {
    bench.server(1).set_orders({balance::Order::kMaintenance, std::nullopt}, base::Clock::now());
  });
  for (const auto* fields : {"Cookie: LBSRV=value2\r\n", "Cookie: LBSRV=10.0.0.2\r\n"}) {
    const sys::Fd client = bench.begin();
    say(client, get(fields));
    const sys::Fd server = accept_from(one);
    expect_to_hear(server, get(fields));
    say(server, kAnswer);
    expect_to_hear(client, bound_answer(1));
  }
}

TEST(SessionHttp, ADrainedServerServesThoseWhoAreBoundToIt) {
  const TcpServer one = make_server();
  const TcpServer two = make_server();
  SessionBench bench(setup_of({.servers = {one.address, two.address}}));
  bench.loop().run([&] {
    bench.server(1).set_orders({balance::Order::kDrain, std::nullopt}, base::Clock::now());
  });
  const sys::Fd bound = bench.begin();
  say(bound, get("Cookie: LBSRV=value2\r\n"));
  EXPECT_TRUE(accept_from(two).is_open());
  for (int round = 0; round < 2; ++round) {
    const sys::Fd free = bench.begin();
    say(free, get());
    EXPECT_TRUE(accept_from(one).is_open());
  }
}

TEST(SessionHttp, TakesTheCookieOutWhereAsked) {
  const TcpServer listener = make_server();
  CookieConfig cookie;
  cookie.strip = true;
  SessionBench bench(setup_of({.servers = {listener.address}, .cookie = cookie}));
  const sys::Fd client = bench.begin();
  for (int round = 0; round < 2; ++round) say(client, get("Cookie: a=b; LBSRV=value1\r\n"));
  const sys::Fd server = accept_from(listener);
  for (int round = 0; round < 2; ++round) expect_to_hear(server, get("Cookie: a=b\r\n"));
}

// --- Passing on ---

TEST(SessionHttp, AnyCutOfTheBytesIsTheSame) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}, .forwarded = true}));
  const sys::Fd client = bench.begin();
  for (const char each : get()) say(client, std::string_view(&each, 1));
  const sys::Fd server = accept_from(listener);
  expect_to_hear(server, get("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"));
  for (const char each : kAnswer) say(server, std::string_view(&each, 1));
  expect_to_hear(client, bound_answer(1));
}

TEST(SessionHttp, ABodyMayWaitForTheServersConsent) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  say(client, get("Expect: 100-continue\r\nContent-Length: 4\r\n"));
  const sys::Fd server = accept_from(listener);
  static_cast<void>(hear(server, get("Expect: 100-continue\r\nContent-Length: 4\r\n").size()));
  say(server, "HTTP/1.1 100 Continue\r\n\r\n");
  expect_to_hear(client, "HTTP/1.1 100 Continue\r\n\r\n");
  say(client, "body");
  expect_to_hear(server, "body");
  say(server, kAnswer);
  expect_to_hear(client, bound_answer(1));
}

TEST(SessionHttp, FramedRequestsOfAnyLengthArriveWhole) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}, .forwarded = true}));
  const sys::Fd client = bench.begin();
  const Bytes body = random_bytes(3'000'000, 7);
  const std::string head = get("Content-Length: 3000000\r\n");
  Bytes all = bytes_of(head);
  all.insert(all.end(), body.begin(), body.end());
  const Bytes next = bytes_of(get());
  all.insert(all.end(), next.begin(), next.end());
  Sender sender(client.get(), all);
  const sys::Fd server = accept_from(listener);
  const std::string added = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n";
  expect_to_hear(server, get("Content-Length: 3000000\r\n" + added));
  EXPECT_TRUE(receive_exactly(server.get(), body.size()) == body);
  expect_to_hear(server, get(added));
  EXPECT_TRUE(sender.has_sent_all());
}

TEST(SessionHttp, ATunnelIsNoHttp) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}, .forwarded = true}));
  const sys::Fd client = bench.begin();
  say(client, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03");
  const sys::Fd server = accept_from(listener);
  expect_to_hear(server,
                 "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n"
                 "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n");
  say(server, "HTTP/1.1 200 OK\r\n\r\n");
  expect_to_hear(server, "\x16\x03");
  say(client, "more\n\n");
  expect_to_hear(server, "more\n\n");
}

TEST(SessionHttp, ALaterRequestThatIsRefusedEndsTheConnection) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}, .forwarded = true}));
  const sys::Fd client = bench.begin();
  say(client, get());
  const sys::Fd server = accept_from(listener);
  say(server, kAnswer);
  expect_to_hear(client, bound_answer(1));
  say(client, get("Content-Length: 1\r\nContent-Length: 2\r\n"));
  expect_ending(bench, CloseReason::kRequestInvalid, Side::kClient);
  EXPECT_EQ(text_of(receive_to_end(server.get()).bytes),
            get("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"));
}

// --- Answers of our own ---

TEST(SessionHttp, RefusesAMalformedRequest) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  say(client, "GET / HTTP/1.1\nHost: a\n\n");
  expect_answer(client, "HTTP/1.1 400 Bad Request\r\n");
  expect_ending(bench, CloseReason::kRequestInvalid, Side::kClient);
  EXPECT_EQ(bench.server(0).slot(0).traffic.total.value(), 0U);
}

TEST(SessionHttp, RefusesAHeadThatIsTooLarge) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  Sender sender(client.get(), bytes_of(get("X: " + std::string(40'000, 'x') + "\r\n")));
  expect_answer(client, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  expect_ending(bench, CloseReason::kRequestInvalid, Side::kClient);
}

TEST(SessionHttp, AClientThatStillSendsIsToldAllTheSame) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  Sender sender(client.get(), bytes_of("GET / HTTP/1.1\n" + std::string(6'000'000, 'x')));
  EXPECT_TRUE(sender.has_sent_all());
  shut_down_writing(client.get());
  expect_answer(client, "HTTP/1.1 400 Bad Request\r\n");
  expect_ending(bench, CloseReason::kRequestInvalid, Side::kClient);
}

TEST(SessionHttp, NobodySendsForEver) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  Sender sender(client.get(), bytes_of("GET / HTTP/1.1\n" + std::string(60'000'000, 'x')));
  EXPECT_FALSE(sender.has_sent_all());
}

TEST(SessionHttp, IsKilledWhileItListensToNobody) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  const sys::Fd client = bench.begin();
  say(client, "GET / HTTP/1.1\n");
  expect_answer(client, "HTTP/1.1 400 Bad Request\r\n");
  ASSERT_TRUE(bench.wait_for_state("closing"));
  EXPECT_EQ(bench.kill({}), 1U);
  expect_ending(bench, CloseReason::kRequestInvalid, Side::kClient);
  EXPECT_TRUE(bench.loop().wait_until([&] { return bench.sessions().count() == 0; }));
}

TEST(SessionHttp, WaitsForAHeadOnlySoLong) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}, .time = 60ms}));
  const sys::Fd client = bench.begin();
  say(client, "GET / HT");
  expect_answer(client, "HTTP/1.1 408 Request Timeout\r\n");
  expect_ending(bench, CloseReason::kRequestTimeout, Side::kClient);
  const sys::Fd silent = bench.begin();
  EXPECT_TRUE(receive_to_end(silent.get()).bytes.empty()) << "nobody was asked anything";
  expect_ending(bench, CloseReason::kRequestTimeout, Side::kClient);
}

TEST(SessionHttp, SaysThatAServerCannotBeReached) {
  const TcpServer refusing = make_refusing_server();
  SessionBench bench(setup_of({.servers = {refusing.address}}));
  const sys::Fd client = bench.begin();
  say(client, get());
  expect_answer(client, "HTTP/1.1 502 Bad Gateway\r\n");
  expect_ending(bench, CloseReason::kConnectFailed, Side::kServer);
}

TEST(SessionHttp, SaysThatThereIsNoServer) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  bench.loop().run([&] {
    bench.server(0).set_orders({balance::Order::kMaintenance, std::nullopt}, base::Clock::now());
  });
  const sys::Fd client = bench.begin();
  say(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const Rest rest = receive_to_end(client.get());
  EXPECT_TRUE(text_of(rest.bytes).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_TRUE(text_of(rest.bytes).ends_with("\r\n\r\n")) << "a HEAD gets no body";
  expect_ending(bench, CloseReason::kNoServer, Side::kUs);
}

TEST(SessionHttp, SaysThatAServerDoesNotAnswer) {
  for (const auto* said : {"", "HTTP/1", "HTTP/1.1 100 Continue\r\n\r\n", "220 smtp\r\n\r\n"}) {
    const TcpServer listener = make_server();
    SessionBench bench(setup_of({.servers = {listener.address}}));
    const sys::Fd client = bench.begin();
    say(client, get());
    sys::Fd server = accept_from(listener);
    expect_to_hear(server, get());
    say(server, said);
    const bool is_interim = std::string_view(said).find("100") != std::string_view::npos;
    if (is_interim) expect_to_hear(client, said);
    server.reset();
    expect_answer(client, "HTTP/1.1 502 Bad Gateway\r\n");
    const bool is_other = std::string_view(said).starts_with("220");
    expect_ending(bench, is_other ? CloseReason::kResponseInvalid : CloseReason::kServerClosed,
                  Side::kServer);
  }
}

TEST(SessionHttp, AClientThatLeavesIsToldNothing) {
  const TcpServer listener = make_server();
  SessionBench bench(setup_of({.servers = {listener.address}}));
  sys::Fd client = bench.begin();
  say(client, "GET / ");
  client.reset();
  expect_ending(bench, CloseReason::kClientClosed, Side::kClient);
}

}  // namespace
}  // namespace sluice::proxy
