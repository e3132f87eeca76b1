#include "daemon/address_book.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "names.h"
#include "run_until.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

ServerConfig server(const std::string& address, std::uint16_t port = 80) {
  ServerConfig config;
  config.name = address;
  config.address = address;
  config.port = port;
  return config;
}

Config config_of(const std::vector<ServerConfig>& servers,
                 std::chrono::milliseconds interval = 0ms) {
  Config config;
  config.backends.emplace_back();
  config.backends.back().name = "shop";
  config.backends.back().resolve_interval = interval;
  config.backends.back().servers = servers;
  return config;
}

class AddressBookTest : public testing::Test {
 protected:
  void look_up(const Config& config) {
    bool is_done = false;
    book_.look_up(config, [&] { is_done = true; });
    ASSERT_TRUE(run_until(io_, [&] { return is_done; }));
  }

  boost::asio::io_context io_;
  std::vector<std::string> lines_;
  AddressBook book_{io_, [this](LogLevel, const std::string& line) { lines_.push_back(line); }};
};

TEST_F(AddressBookTest, WhatIsAnAddressIsNotLookedUp) {
  EXPECT_FALSE(has_host_name(server("10.0.0.1")));
  EXPECT_FALSE(has_host_name(server("2001:db8::1")));
  EXPECT_TRUE(has_host_name(server("app1.internal")));
  bool is_done = false;
  book_.look_up(config_of({server("10.0.0.1"), server("2001:db8::1")}), [&] { is_done = true; });
  EXPECT_TRUE(is_done) << "at once";
  EXPECT_EQ(book_.find(server("10.0.0.1", 81)).to_string(), "10.0.0.1:81");
  EXPECT_TRUE(lines_.empty());
}

TEST_F(AddressBookTest, ServersOfOneNameDifferByTheirPorts) {
  look_up(config_of({server("127.9", 81), server("127.9", 82), server("127.10", 81)}));
  EXPECT_EQ(book_.find(server("127.9", 81)).to_string(), "127.0.0.9:81");
  EXPECT_EQ(book_.find(server("127.9", 82)).to_string(), "127.0.0.9:82");
  EXPECT_EQ(book_.find(server("127.10", 81)).to_string(), "127.0.0.10:81");
  EXPECT_EQ(lines_.size(), 2U) << "one for each name";
}

TEST_F(AddressBookTest, WhatIsNotKnownHasAReason) {
  EXPECT_FALSE(book_.find(server("127.9")).is_specified());
  EXPECT_EQ(book_.problem(server("127.9")), "cannot resolve 127.9: no answer yet");
  look_up(config_of({server(kImpossibleName), server("127.9")}));
  EXPECT_FALSE(book_.find(server(kImpossibleName)).is_specified());
  EXPECT_TRUE(book_.problem(server(kImpossibleName)).starts_with("cannot resolve aaa"));
  EXPECT_TRUE(book_.find(server("127.9")).is_specified()) << "one failure is nobody else's";
}

TEST_F(AddressBookTest, AnAnswerThatHasNotChangedIsNoNews) {
  const Config config = config_of({server("127.9"), server(kImpossibleName)}, 1ms);
  look_up(config);
  book_.follow(config);
  ASSERT_EQ(lines_.size(), 2U);
  io_.restart();
  io_.run_for(50ms);  // many intervals
  EXPECT_EQ(lines_.size(), 2U);
  book_.stop();
}

TEST_F(AddressBookTest, FollowsTheNamesOfOneConfigurationOnly) {
  look_up(config_of({server("127.9"), server("127.10")}));
  book_.follow(config_of({server("127.10")}));
  EXPECT_FALSE(book_.find(server("127.9")).is_specified());
  EXPECT_TRUE(book_.find(server("127.10")).is_specified());
  look_up(config_of({server("127.9")}));
  EXPECT_TRUE(book_.find(server("127.9")).is_specified());
}

TEST_F(AddressBookTest, NothingIsLookedUpOnceItHasStopped) {
  bool is_done = false;
  book_.look_up(config_of({server("127.9")}, 1ms), [&] { is_done = true; });
  book_.stop();
  io_.restart();
  io_.run_for(50ms);
  EXPECT_FALSE(is_done);
  EXPECT_TRUE(lines_.empty());
}

}  // namespace
}  // namespace sluice::daemon
