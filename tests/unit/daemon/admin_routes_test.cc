#include "daemon/admin_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "fake_source.h"
#include "stats/encode.h"

namespace sluice::daemon {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

class AdminRoutes : public testing::Test {
 protected:
  /// The answer; the test fails where there is none or more than one.
  AdminAnswer ask(const std::string& method, const std::string& target,
                  AdminAccess access = AdminAccess::kFull) {
    std::optional<AdminAnswer> got;
    route(source_, {method, target, access}, [&](AdminAnswer answer) {
      EXPECT_FALSE(got) << "answered twice";
      got = std::move(answer);
    });
    EXPECT_TRUE(got) << "not answered";
    return got.value_or(AdminAnswer{});
  }

  void expect_refused(const std::string& method, const std::string& target, unsigned status,
                      const std::string& error) {
    const AdminAnswer answer = ask(method, target);
    EXPECT_EQ(answer.status, status) << method << ' ' << target;
    EXPECT_EQ(answer.content_type, "application/json");
    EXPECT_EQ(answer.body, stats::encode(Refusal{error}) + '\n') << method << ' ' << target;
  }

  FakeSource source_;
};

TEST_F(AdminRoutes, RowsAreJson) {
  EXPECT_EQ(ask("GET", "/v1/status").body, stats::encode(source_.status()) + '\n');
  EXPECT_EQ(ask("GET", "/v1/frontends").body, stats::encode(source_.frontends()) + '\n');
  EXPECT_EQ(ask("GET", "/v1/backends").body, stats::encode(source_.backends()) + '\n');
  EXPECT_EQ(ask("GET", "/v1/servers").body, stats::encode(source_.servers("")) + '\n');
  EXPECT_EQ(ask("GET", "/v1/reasons").body, stats::encode(source_.reasons()) + '\n');
  const AdminAnswer answer = ask("GET", "/v1/status");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.content_type, "application/json");
}

TEST_F(AdminRoutes, ServersOfOneBackend) {
  const auto rows =
      stats::decode<std::vector<ServerRow>>(ask("GET", "/v1/servers?backend=post").body);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->at(0).server, "mx1");
  expect_refused("GET", "/v1/servers?backend=nope", 404,
                 "no backend \"nope\": `lbstat backends` lists them");
}

std::vector<std::uint64_t> ids(const AdminAnswer& answer) {
  const auto rows = stats::decode<std::vector<SessionRow>>(answer.body);
  EXPECT_TRUE(rows) << answer.body;
  std::vector<std::uint64_t> found;
  for (const SessionRow& row : rows.value_or(std::vector<SessionRow>{})) found.push_back(row.id);
  return found;
}

TEST_F(AdminRoutes, SessionsByFilter) {
  using Ids = std::vector<std::uint64_t>;
  EXPECT_EQ(ids(ask("GET", "/v1/sessions")), (Ids{11, 12, 13}));
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?backend=shop")), (Ids{11, 12}));
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?backend=shop&server=app2")), Ids{12});
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?server=shop/app2")), Ids{12});
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?server=shop%2Fapp2")), Ids{12});
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?server=mx1")), Ids{13});
}

TEST_F(AdminRoutes, ALimitedListSaysHowManyThereAre) {
  const AdminAnswer answer = ask("GET", "/v1/sessions?limit=2");
  EXPECT_EQ(ids(answer).size(), 2U);
  EXPECT_THAT(answer.headers, testing::ElementsAre(Pair("Sluice-Total-Sessions", "3")));
}

TEST_F(AdminRoutes, SessionFiltersThatNameNothing) {
  expect_refused("GET", "/v1/sessions?backend=nope", 404,
                 "no backend \"nope\": `lbstat backends` lists them");
  expect_refused("GET", "/v1/sessions?backend=shop&server=mx1", 404,
                 "no server \"mx1\" in backend \"shop\": `lbstat servers shop` lists them");
  expect_refused("GET", "/v1/sessions?server=nope", 404, "no server \"nope\"");
  expect_refused("GET", "/v1/sessions?backend=post&server=shop/app1", 400,
                 "the parameters backend and server contradict each other");
  expect_refused("GET", "/v1/sessions?sever=app1", 400, "unknown parameter \"sever\"");
  for (const char* limit : {"0", "-1", "100001", "ten", "1e3", "99999999999999999999"}) {
    expect_refused("GET", std::string("/v1/sessions?limit=") + limit, 400,
                   "limit: expected 1 to 100000");
  }
}

TEST_F(AdminRoutes, AServerNameOfSeveralBackendsMustSayWhich) {
  source_.metrics_.servers.push_back(source_.metrics_.servers.front());
  source_.metrics_.servers.back().backend = "post";
  expect_refused("GET", "/v1/sessions?server=app1", 400,
                 "several backends have a server \"app1\": say which, as BACKEND/NAME");
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?server=shop/app1")).size(), 1U);
}

TEST_F(AdminRoutes, AServerOfTwoFrontendsIsStillOneServer) {
  source_.metrics_.servers.push_back(source_.metrics_.servers.front());
  source_.metrics_.servers.back().frontend = "mail";
  EXPECT_EQ(ids(ask("GET", "/v1/sessions?server=app1")), std::vector<std::uint64_t>{11});
}

TEST_F(AdminRoutes, MetricsAndHealth) {
  const AdminAnswer metrics = ask("GET", "/metrics");
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics.body, HasSubstr("\nsluice_server_sessions_total{backend=\"shop\","
                                      "server=\"app1\"} 60009\n"));
  EXPECT_EQ(ask("GET", "/healthz").status, 200U);
  EXPECT_EQ(ask("GET", "/healthz").body, "ok\n");
  source_.health_ = {false, "frontend web does not listen on 0.0.0.0:443"};
  EXPECT_EQ(ask("GET", "/healthz").status, 503U);
  EXPECT_EQ(ask("GET", "/healthz").body, "frontend web does not listen on 0.0.0.0:443\n");
}

TEST_F(AdminRoutes, ReloadGivesItsOutcome) {
  AdminAnswer answer = ask("POST", "/v1/reload");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, stats::encode(source_.reload_) + '\n');
  source_.reload_ = {false, 8, "", {"sluice.yaml:3:5: error: workres: unknown key"}};
  answer = ask("POST", "/v1/reload");
  EXPECT_EQ(answer.status, 422U);
  EXPECT_EQ(answer.body, stats::encode(source_.reload_) + '\n');
}

TEST_F(AdminRoutes, AnAnswerMayComeLater) {
  source_.hold_ = true;
  int answers = 0;
  const auto count = [&](const AdminAnswer& answer) {
    EXPECT_EQ(answer.status, 200U);
    ++answers;
  };
  route(source_, {"POST", "/v1/reload", AdminAccess::kFull}, count);
  route(source_, {"GET", "/v1/sessions", AdminAccess::kFull}, count);
  route(source_, {"DELETE", "/v1/sessions/11", AdminAccess::kFull}, count);
  route(source_, {"DELETE", "/v1/sessions?server=shop/app2", AdminAccess::kFull}, count);
  EXPECT_EQ(answers, 0);
  source_.release();
  EXPECT_EQ(answers, 4);
}

TEST_F(AdminRoutes, KillOneSession) {
  EXPECT_EQ(ask("DELETE", "/v1/sessions/12").body, "{\"killed\":1}\n");
  expect_refused("DELETE", "/v1/sessions/12", 404, "no session 12: it may have ended");
  expect_refused("DELETE", "/v1/sessions/abc", 400,
                 "a session is a number: `lbstat sessions` lists them");
  expect_refused("DELETE", "/v1/sessions/-1", 400,
                 "a session is a number: `lbstat sessions` lists them");
}

TEST_F(AdminRoutes, KillTheSessionsOfAServer) {
  EXPECT_EQ(ask("DELETE", "/v1/sessions?server=shop/app1").body, "{\"killed\":1}\n");
  EXPECT_EQ(ask("DELETE", "/v1/sessions?server=shop/app1").body, "{\"killed\":0}\n");
  expect_refused("DELETE", "/v1/sessions?server=shop/nope", 404,
                 "no server \"nope\" in backend \"shop\": `lbstat servers shop` lists them");
  for (const char* target : {"/v1/sessions", "/v1/sessions?server=app1", "/v1/sessions?server=/x",
                             "/v1/sessions?server=shop/"}) {
    expect_refused("DELETE", target, 400, "say which: /v1/sessions/ID or ?server=BACKEND/NAME");
  }
  expect_refused("DELETE", "/v1/sessions?backend=shop", 400, "unknown parameter \"backend\"");
  EXPECT_EQ(source_.sessions_.size(), 2U);
}

TEST_F(AdminRoutes, OrdersAboutAServer) {
  const auto order = [this](const std::string& body) {
    std::optional<AdminAnswer> got;
    route(source_, {"POST", "/v1/servers/shop/app1", AdminAccess::kFull, body},
          [&](AdminAnswer answer) { got = std::move(answer); });
    return got.value_or(AdminAnswer{});
  };
  const AdminAnswer answer = order(R"({"action":"drain","timeout":"30s"})");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(answer.body, HasSubstr(R"("state":"DRAIN","weight":1,"current":1,"until":)"
                                     R"("the next reload")"));
  EXPECT_EQ(order(R"({"action":"drain"})").status, 200U);
  EXPECT_EQ(order(R"({"action":"ready"})").status, 200U);
  EXPECT_EQ(order(R"({"action":"maintenance"})").status, 200U);
  EXPECT_EQ(order(R"({"action":"weight","weight":256})").status, 200U);
  ASSERT_EQ(source_.commands_.size(), 5U);
  EXPECT_EQ(source_.commands_[0].action, ServerAction::kDrain);
  EXPECT_EQ(source_.commands_[0].timeout, std::chrono::seconds(30));
  EXPECT_EQ(source_.commands_[1].timeout, std::nullopt);
  EXPECT_EQ(source_.commands_[2].action, ServerAction::kReady);
  EXPECT_EQ(source_.commands_[3].action, ServerAction::kMaintenance);
  EXPECT_EQ(source_.commands_[4].weight, 256);

  for (const char* body :
       {"", "{", "[]", "{}", R"({"action":"explode"})", R"({"action":"drain","timeout":"30"})",
        R"({"action":"ready","timeout":"30s"})", R"({"action":"weight"})",
        R"({"action":"weight","weight":257})", R"({"action":"weight","weight":-2})",
        R"({"action":"ready","weight":1})", R"({"action":"drain","timeuot":"30s"})"}) {
    EXPECT_EQ(order(body).status, 400U) << body;
  }
  EXPECT_EQ(source_.commands_.size(), 5U);
  expect_refused("POST", "/v1/servers/shop/nope", 404,
                 "no server \"nope\" in backend \"shop\": `lbstat servers shop` lists them");
}

TEST_F(AdminRoutes, UnknownPathsAndMethods) {
  for (const char* path : {"/", "/v1", "/v1/statu", "/v1/status/x", "/v2/status",
                           "/v1/servers/a/b/c", "/v1/servers/a", "/metrics/x"}) {
    expect_refused("GET", path, 404, std::string("nothing is at ") + path);
  }
  expect_refused("POST", "/v1/status", 405, "POST is not for /v1/status: use GET, HEAD");
  expect_refused("GET", "/v1/reload", 405, "GET is not for /v1/reload: use POST");
  expect_refused("PUT", "/v1/sessions", 405, "PUT is not for /v1/sessions: use GET, HEAD, DELETE");
  EXPECT_THAT(ask("PUT", "/v1/sessions").headers,
              testing::ElementsAre(Pair("Allow", "GET, HEAD, DELETE")));
  expect_refused("GET", "/%zz", 400, "malformed request target");
  expect_refused("get", "/v1/status", 405, "get is not for /v1/status: use GET, HEAD");
}

TEST_F(AdminRoutes, HeadIsAnsweredLikeGet) {
  EXPECT_EQ(ask("HEAD", "/v1/status").body, ask("GET", "/v1/status").body);
}

TEST_F(AdminRoutes, ReadOnlyMeansGetAndHead) {
  for (const char* path : {"/v1/status", "/v1/servers", "/v1/sessions", "/metrics", "/healthz"}) {
    EXPECT_EQ(ask("GET", path, AdminAccess::kReadOnly).status, 200U) << path;
    EXPECT_EQ(ask("HEAD", path, AdminAccess::kReadOnly).status, 200U) << path;
  }
  for (const char* method : {"POST", "DELETE", "PUT", "OPTIONS", "TRACE", "get"}) {
    for (const char* path : {"/v1/reload", "/v1/sessions/11", "/v1/servers/shop/app1", "/none"}) {
      const AdminAnswer answer = ask(method, path, AdminAccess::kReadOnly);
      EXPECT_EQ(answer.status, 403U) << method << ' ' << path;
      EXPECT_THAT(answer.body, StartsWith("{\"error\":\"this address is read only"));
    }
  }
  EXPECT_EQ(source_.sessions_.size(), 3U);
}

}  // namespace
}  // namespace sluice::daemon
