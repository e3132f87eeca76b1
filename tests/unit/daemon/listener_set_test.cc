#include "daemon/listener_set.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/inherited_sockets.h"
#include "scratch_folder.h"
#include "sys/socket.h"

namespace sluice::daemon {
namespace {

constexpr std::size_t kWorkers = 3;

ListenAddress address(const std::string& host, std::uint16_t port, int line = 0) {
  ListenAddress made;
  made.text = host + ':' + std::to_string(port);
  made.host = host;
  made.port = port;
  made.position = {line, 5};
  return made;
}

class ListenerSetTest : public testing::Test {
 protected:
  static Config config_of(const std::vector<ListenAddress>& listen) {
    Config config;
    FrontendConfig web;
    web.name = "web";
    web.listen = listen;
    config.frontends.push_back(web);
    return config;
  }
  /// A port that nobody uses.
  static std::uint16_t free_port() {
    const auto socket =
        sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 1);
    return sys::local_endpoint(socket->get()).port();
  }
  static bool can_connect(const Endpoint& to) {
    const sys::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(fd.get(), to.data(), to.size()) == 0;
  }

  ListenerSet set{kWorkers, 16};
};

TEST_F(ListenerSetTest, BindsOneSocketForEachWorkerOnTheSamePort) {
  const Config config = config_of({address("127.0.0.1", 0)});
  const auto prepared = set.prepare(config, "a.yaml");
  ASSERT_TRUE(prepared.has_value());
  ASSERT_EQ(prepared->by_worker.size(), kWorkers);
  const Endpoint bound = prepared->bound.at("127.0.0.1:0").endpoint;
  EXPECT_NE(bound.port(), 0);
  for (const auto& listeners : prepared->by_worker) {
    ASSERT_EQ(listeners.size(), 1U);
    EXPECT_EQ(listeners[0].name, "127.0.0.1:0");
    EXPECT_EQ(sys::local_endpoint(listeners[0].fd.get()), bound);
  }
  EXPECT_TRUE(can_connect(bound));
  EXPECT_FALSE(set.bound("127.0.0.1:0").is_specified()) << "not before the commit";
  set.commit(config, *prepared);
  EXPECT_EQ(set.bound("127.0.0.1:0"), bound);
}

TEST_F(ListenerSetTest, LeavesWhatIsOpenAlone) {
  const ListenAddress stays = address("127.0.0.1", free_port());
  Config config = config_of({stays});
  auto first = set.prepare(config, "a.yaml");
  ASSERT_TRUE(first.has_value());
  set.commit(config, *first);
  config.frontends[0].listen.push_back(address("127.0.0.1", 0));
  const auto second = set.prepare(config, "a.yaml");
  ASSERT_TRUE(second.has_value()) << second.error()[0].to_string();
  EXPECT_EQ(second->bound.count(stays.text), 0U);
  EXPECT_EQ(second->by_worker[0].size(), 1U);
  set.commit(config, *second);
  EXPECT_EQ(set.bound(stays.text).port(), stays.port);
}

TEST_F(ListenerSetTest, ForgetsWhatLeft) {
  const Config config = config_of({address("127.0.0.1", 0)});
  auto prepared = set.prepare(config, "a.yaml");
  set.commit(config, *prepared);
  set.commit(config_of({}), {});
  EXPECT_FALSE(set.bound("127.0.0.1:0").is_specified());
}

TEST_F(ListenerSetTest, AnAddressComesBackRightAfterItLeft) {
  // The workers may not have closed their sockets yet.
  const Config config = config_of({address("127.0.0.1", free_port())});
  const auto first = set.prepare(config, "a.yaml");
  ASSERT_TRUE(first.has_value());
  set.commit(config, *first);
  set.commit(config_of({}), {});
  const auto again = set.prepare(config, "a.yaml");
  EXPECT_TRUE(again.has_value()) << again.error()[0].to_string();
}

TEST_F(ListenerSetTest, NamesTheLineOfEachAddressThatIsTaken) {
  const auto taken =
      sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 1);
  const auto port = sys::local_endpoint(taken->get()).port();
  const Config config = config_of(
      {address("127.0.0.1", port, 12), address("127.0.0.1", 0, 13), address("192.0.2.1", 0, 14)});
  const auto prepared = set.prepare(config, "a.yaml");
  ASSERT_FALSE(prepared.has_value());
  ASSERT_EQ(prepared.error().size(), 2U);
  EXPECT_EQ(prepared.error()[0].to_string(),
            "a.yaml:12:5: error: frontends[0].listen: cannot listen on 127.0.0.1:" +
                std::to_string(port) +
                ": the address is taken by another program: stop it or choose another port");
  EXPECT_EQ(prepared.error()[1].line, 14);
}

TEST_F(ListenerSetTest, RefusesAPortThatAnotherProgramShares) {
  // SO_REUSEPORT would let us in, and the kernel would give half of the connections to the other.
  const auto other = sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kShared, 1);
  const auto port = sys::local_endpoint(other->get()).port();
  EXPECT_FALSE(set.prepare(config_of({address("127.0.0.1", port)}), "a.yaml").has_value());
}

TEST_F(ListenerSetTest, TcpAndUdpAreDifferentAddresses) {
  Config config = config_of({address("127.0.0.1", free_port())});
  config.frontends.push_back(config.frontends[0]);
  config.frontends[1].protocol = Protocol::kUdp;
  const std::string text = config.frontends[0].listen[0].text;
  EXPECT_EQ(listener_name(config.frontends[0], config.frontends[0].listen[0]), text);
  const auto prepared = set.prepare(config, "a.yaml");
  ASSERT_TRUE(prepared.has_value());
  set.commit(config, *prepared);
  ASSERT_EQ(prepared->by_worker[0].size(), 2U);
  EXPECT_EQ(prepared->by_worker[0][0].transport, Transport::kTcp);
  EXPECT_EQ(prepared->by_worker[0][1].transport, Transport::kUdp);
  EXPECT_EQ(prepared->by_worker[0][1].flows, prepared->by_worker[1][1].flows)
      << "the workers count an address's flows together";
  EXPECT_EQ(set.bound(text), set.bound("udp " + text));
}

TEST_F(ListenerSetTest, AUdpAddressComesBackWhileItsFlowsGoOn) {
  Config config = config_of({address("127.0.0.1", free_port())});
  config.frontends[0].protocol = Protocol::kUdp;
  const auto first = set.prepare(config, "a.yaml");  // its sockets stay open
  ASSERT_TRUE(first.has_value());
  set.commit(config, *first);
  set.commit(config_of({}), {});
  const auto again = set.prepare(config, "a.yaml");
  ASSERT_TRUE(again.has_value()) << again.error()[0].to_string();
  EXPECT_EQ(again->by_worker[0][0].flows, first->by_worker[0][0].flows);
}

TEST_F(ListenerSetTest, LetsOurOwnAddressesOverlap) {
  Config config = config_of({address("0.0.0.0", free_port())});
  const auto first = set.prepare(config, "a.yaml");
  ASSERT_TRUE(first.has_value());
  set.commit(config, *first);
  config.frontends[0].listen.push_back(address("127.0.0.1", config.frontends[0].listen[0].port));
  const auto second = set.prepare(config, "a.yaml");
  EXPECT_TRUE(second.has_value()) << second.error()[0].to_string();
}

TEST_F(ListenerSetTest, ARefusedReloadLeavesNothingBound) {
  const std::uint16_t port = free_port();
  const Config config = config_of({address("127.0.0.1", port), address("192.0.2.1", 0)});
  EXPECT_FALSE(set.prepare(config, "a.yaml").has_value());
  EXPECT_FALSE(can_connect(*Endpoint::from_ip("127.0.0.1", port)));
  EXPECT_TRUE(set.prepare(config_of({address("127.0.0.1", port)}), "a.yaml").has_value());
}

TEST_F(ListenerSetTest, ARangeIsAnAddressForEachPort) {
  ListenAddress range = address("127.77.1.9", 21000);
  range.text = "127.77.1.9:21000-21002";
  range.last_port = 21002;
  const Config config = config_of({range});
  const auto prepared = set.prepare(config, "a.yaml");
  ASSERT_TRUE(prepared.has_value()) << prepared.error()[0].to_string();
  EXPECT_EQ(prepared->bound.size(), 3U);
  EXPECT_EQ(prepared->by_worker[0].size(), 3U);
  set.commit(config, *prepared);
  EXPECT_EQ(set.bound("127.77.1.9:21001").port(), 21001);
  EXPECT_EQ(set.shown("127.77.1.9:21001"), range.text);
}

/// Connects to a UNIX socket; not open where nobody listens.
sys::Fd connect_to_path(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fd.reset();
  return fd;
}

ListenAddress unix_address(const std::string& path) {
  ListenAddress made;
  made.text = "unix:" + path;
  made.kind = ListenKind::kUnix;
  made.path = path;
  return made;
}

TEST_F(ListenerSetTest, WorkersShareAUnixSocket) {
  const ScratchFolder folder;
  const std::string path = folder.file("web.sock");
  Config config = config_of({unix_address(path)});
  {
    auto prepared = set.prepare(config, "a.yaml");
    ASSERT_TRUE(prepared.has_value()) << prepared.error()[0].to_string();
    ASSERT_EQ(prepared->by_worker.size(), kWorkers);
    set.commit(config, *prepared);
    EXPECT_TRUE(connect_to_path(path).is_open());
    EXPECT_EQ(set.shown("unix:" + path), "unix:" + path);
    const sys::Fd accepted(::accept(prepared->by_worker[2][0].fd.get(), nullptr, nullptr));
    EXPECT_EQ(sys::remote_endpoint(accepted.get()).to_string(), "unix");
    EXPECT_FALSE(sys::remote_endpoint(accepted.get()).is_specified());
  }
  EXPECT_FALSE(connect_to_path(path).is_open()) << "its sockets were the workers'";
  EXPECT_EQ(::access(path.c_str(), F_OK), 0) << "its file is the set's";
  config.frontends[0].listen[0].mode = 0600;
  const auto again = set.prepare(config, "a.yaml");
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->bound.empty()) << "another mode is no other socket";
  set.commit(config, *again);
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
  set.commit(config_of({}), {});
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(ListenerSetTest, ARefusedReloadRemovesTheFileOfAUnixSocket) {
  const ScratchFolder folder;
  const std::string path = folder.file("web.sock");
  EXPECT_FALSE(set.prepare(config_of({unix_address(path), address("192.0.2.1", 0)}), "a.yaml"));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(InheritedSockets, GivesDescriptorsOfListeningSockets) {
  const auto listening =
      sys::listen_tcp(*Endpoint::parse("127.0.0.1:0"), sys::PortSharing::kExclusive, 4);
  const sys::Fd deaf(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sys::Fd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const InheritedSockets inherited = InheritedSockets::take();
  const sys::Fd later(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto shared = inherited.share(listening->get());
  ASSERT_TRUE(shared.has_value()) << shared.error().text;
  EXPECT_NE(shared->get(), listening->get());
  EXPECT_EQ(sys::local_endpoint(shared->get()), sys::local_endpoint(listening->get()));
  EXPECT_NE(inherited.share(deaf.get()).error().text.find("does not listen"), std::string::npos);
  EXPECT_NE(inherited.share(datagrams.get()).error().text.find("no stream socket"),
            std::string::npos);
  EXPECT_NE(inherited.share(later.get()).error().text.find("was not started with it"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::daemon
