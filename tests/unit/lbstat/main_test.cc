// lbstat as a user runs it: the program itself, against the admin interface of fake_sluice, in a
// pipe and on a terminal. The build tells where the programs are: LBSTAT, FAKE_SLUICE.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "scratch_folder.h"
#include "sys/fd.h"

namespace sluice::lbstat {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Words = std::vector<std::string>;

std::string program(const char* variable) {
  const char* path = std::getenv(variable);
  return path != nullptr ? path : "";
}

/// Becomes the program; only in a child.
[[noreturn]] void become(const Words& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  std::_Exit(127);
}

/// Appends what `fd` has until `done` says so, its end or ten seconds.
template <typename Done>
std::string read_until(int fd, Done done) {
  std::string text;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done(text) && std::chrono::steady_clock::now() < end) {
    pollfd wanted{fd, POLLIN, 0};
    if (::poll(&wanted, 1, 50) <= 0) continue;
    std::array<char, 4096> chunk;
    const auto size = ::read(fd, chunk.data(), chunk.size());
    if (size <= 0) break;  // EIO is the end of a terminal
    text.append(chunk.data(), static_cast<std::size_t>(size));
  }
  return text;
}

bool never(const std::string&) {
  return false;
}

struct Ended {
  int status = -1;
  std::string out;
  std::string err;
};

int exit_status(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class MainTest : public testing::Test {
 protected:
  ~MainTest() override {
    if (server_ > 0) {
      input_.reset();  // which ends it
      ::waitpid(server_, nullptr, 0);
    }
  }

  /// Starts fake_sluice and waits until it listens.
  void serve(const Words& kinds = {}) {
    Words words{program("FAKE_SLUICE"), path_};
    words.insert(words.end(), kinds.begin(), kinds.end());
    int input[2];
    int output[2];
    ASSERT_EQ(::pipe2(input, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(output, O_CLOEXEC), 0);
    server_ = ::fork();
    if (server_ == 0) {
      ::dup2(input[0], STDIN_FILENO);
      ::dup2(output[1], STDOUT_FILENO);
      become(words);
    }
    const sys::Fd read_end(output[0]);
    ::close(output[1]);
    ::close(input[0]);
    input_.reset(input[1]);
    const auto line = read_until(read_end.get(), [](const std::string& text) {
      return text.find('\n') != std::string::npos;
    });
    ASSERT_EQ(line, "ready\n");
  }

  [[nodiscard]] Words command(const Words& words) const {
    Words all{program("LBSTAT"), "--socket", path_};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  /// Runs lbstat in pipes to its end.
  [[nodiscard]] Ended run(const Words& words) const {
    int output[2];
    int error[2];
    EXPECT_EQ(::pipe2(output, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(error, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::dup2(error[1], STDERR_FILENO);
      become(command(words));
    }
    ::close(output[1]);
    ::close(error[1]);
    const sys::Fd output_end(output[0]);
    const sys::Fd error_end(error[0]);
    Ended ended;
    ended.out = read_until(output_end.get(), never);
    ended.err = read_until(error_end.get(), never);
    ended.status = exit_status(child);
    return ended;
  }

  daemon::ScratchFolder folder_;
  std::string path_ = folder_.file("admin.sock");
  pid_t server_ = -1;
  sys::Fd input_;  ///< of the server
};

TEST_F(MainTest, EveryViewEndsWithZeroAndFitsAHundredColumns) {
  serve();
  for (const char* view : {"status", "frontends", "backends", "servers", "sessions", "reasons"}) {
    const Ended ended = run({view});
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(ended.err, "");
    EXPECT_THAT(ended.out, Not(HasSubstr("\x1b"))) << "colour is for terminals";
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = ended.out.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      EXPECT_LE(end - begin, 100U) << ended.out;
    }
  }
  EXPECT_EQ(run({}).out.substr(0, 12), run({"status"}).out.substr(0, 12));
  EXPECT_THAT(run({"servers", "post"}).out, Not(HasSubstr("app1")));
  EXPECT_THAT(run({"sessions", "--server", "app2"}).out, Not(HasSubstr("app1")));
}

TEST_F(MainTest, JsonIsTheAnswer) {
  serve();
  EXPECT_EQ(run({"--json", "reasons"}).out,
            "[{\"reason\":\"client_closed\",\"side\":\"client\",\"total\":110000},"
            "{\"reason\":\"connect_failed\",\"side\":\"server\",\"total\":17}]\n");
  const Ended refused = run({"--json", "servers", "nope"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.out, StartsWith("{\"error\":\"no backend"));
}

TEST_F(MainTest, WhatDoesNotExistIsStatusOneAndOneLine) {
  serve();
  for (const Words& words :
       {Words{"servers", "nope"}, Words{"sessions", "--backend", "nope"}, Words{"kill", "4"},
        Words{"kill", "--server", "shop/nope"}, Words{"server", "shop/nope", "ready"}}) {
    const Ended ended = run(words);
    EXPECT_EQ(ended.status, 1) << words[0];
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, testing::MatchesRegex("lbstat: no [^\n]*\n"));
  }
}

TEST_F(MainTest, ReloadTellsTheDifference) {
  serve();
  const Ended ended = run({"reload"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "generation 9: +1 server, ~2 servers, -1 frontend, 0 sessions closed\n");
  EXPECT_EQ(ended.err, "");
}

TEST_F(MainTest, ARefusedReloadTellsWhatIsWrong) {
  serve({"refuse"});
  const Ended ended = run({"reload"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err,
            "sluice.yaml:3:1: error: workres: unknown key, did you mean \"workers\"?\n"
            "sluice.yaml:9:5: error: frontends[0].backend: no backend \"shpo\"\n"
            "lbstat: reload refused; generation 8 stays in force\n");
  const Ended json = run({"reload", "--json"});
  EXPECT_EQ(json.status, 1);
  EXPECT_THAT(json.out, StartsWith("{\"accepted\":false,"));
  EXPECT_EQ(json.err, "");
}

TEST_F(MainTest, KillSaysHowMany) {
  serve();
  EXPECT_EQ(run({"kill", "11"}).out, "ended 1 session\n");
  EXPECT_EQ(run({"kill", "--server", "shop/app2"}).out, "ended 1 session\n");
  EXPECT_EQ(run({"kill", "--server", "shop/app2"}).out, "ended 0 sessions\n");
  EXPECT_EQ(run({"kill", "--json", "13"}).out, "{\"killed\":1}\n");
}

TEST_F(MainTest, ServerActionsSayWhatTheyCameTo) {
  serve();
  EXPECT_EQ(run({"server", "shop/app1", "drain", "--timeout", "30s"}).out,
            "shop/app1: DRAIN; until the next reload\n");
  EXPECT_EQ(run({"server", "shop/app1", "maintenance"}).out,
            "shop/app1: MAINT; until the next reload\n");
  EXPECT_EQ(run({"server", "shop/app1", "ready"}).out, "shop/app1: UP; until the next reload\n");
  EXPECT_THAT(run({"--json", "server", "shop/app1", "weight", "3"}).out, HasSubstr("\"weight\":3"));
  const Ended refused = run({"server", "shop/app1", "drain", "--timeout", "30"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.err, "lbstat: timeout: `30` has no unit; write 30s or 30ms\n");
}

TEST_F(MainTest, ACutListIsTold) {
  serve();
  const Ended ended = run({"sessions", "--limit", "2"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_THAT(ended.err, StartsWith("lbstat: these are 2 of 3 sessions: "));
}

TEST_F(MainTest, WithoutASluiceItIsStatusThree) {
  const Ended ended = run({"status"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "lbstat: no admin socket at " + path_ +
                           ": is sluice running? (--socket says where else)\n");
}

TEST_F(MainTest, WatchInAPipeGoesOnUntilTheReaderLeaves) {
  serve();
  int output[2];
  ASSERT_EQ(::pipe2(output, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(output[1], STDOUT_FILENO);
    become(command({"--watch", "0.1", "reasons"}));
  }
  ::close(output[1]);
  sys::Fd reader(output[0]);
  const std::string text = read_until(reader.get(), [](const std::string& read) {
    std::size_t pictures = 0;
    for (std::size_t at = 0; (at = read.find("connect_failed", at)) != std::string::npos; ++at) {
      ++pictures;
    }
    return pictures >= 3;
  });
  EXPECT_THAT(text, HasSubstr("total/s"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  reader.reset();
  EXPECT_THAT(exit_status(child), testing::AnyOf(0, -SIGPIPE));
}

/// lbstat on a terminal of its own.
class TerminalTest : public MainTest {
 protected:
  void start(const Words& words, unsigned short rows = 30, unsigned short columns = 100) {
    const winsize size{rows, columns, 0, 0};
    int terminal = -1;
    child_ = ::forkpty(&terminal, nullptr, nullptr, &size);
    if (child_ == 0) {
      ::setenv("TERM", "xterm", 1);
      become(command(words));
    }
    terminal_.reset(terminal);
  }

  std::string read_until_it_shows(const std::string& wanted) {
    return read_until(terminal_.get(), [&](const std::string& text) {
      return text.find(wanted) != std::string::npos;
    });
  }

  std::string read_to_the_end() { return read_until(terminal_.get(), never); }

  void resize(unsigned short rows, unsigned short columns) {
    const winsize size{rows, columns, 0, 0};
    ASSERT_EQ(::ioctl(terminal_.get(), TIOCSWINSZ, &size), 0);  // sends SIGWINCH
  }

  pid_t child_ = -1;
  sys::Fd terminal_;
};

TEST_F(TerminalTest, HasColourUnlessTheUserMinds) {
  serve();
  start({"servers"});
  EXPECT_THAT(read_to_the_end(), HasSubstr("\x1b[32mUP\x1b[0m"));
  EXPECT_EQ(exit_status(child_), 0);
  ::setenv("NO_COLOR", "1", 1);
  start({"servers"});
  EXPECT_THAT(read_to_the_end(), Not(HasSubstr("\x1b")));
  EXPECT_EQ(exit_status(child_), 0);
  ::unsetenv("NO_COLOR");
}

TEST_F(TerminalTest, WatchRedrawsInPlaceAndGivesTheScreenBack) {
  serve();
  start({"--watch", "0.1", "servers"});
  const std::string first = read_until_it_shows("\x1b[J");
  EXPECT_THAT(first, StartsWith("\x1b[?1049h\x1b[?25l\x1b[H"));
  EXPECT_THAT(first, HasSubstr("\x1b[K\r\n"));
  EXPECT_THAT(first, Not(HasSubstr("out/s"))) << "one answer has no rates";
  // Twelve sessions every tenth of a second.
  EXPECT_THAT(read_until_it_shows("out/s"), HasSubstr("\x1b[H"));
  ASSERT_EQ(::write(terminal_.get(), "\x03", 1), 1);  // Ctrl-C
  const std::string rest = read_to_the_end();
  EXPECT_THAT(rest, HasSubstr("\x1b[?25h\x1b[?1049l"));
  EXPECT_EQ(exit_status(child_), 0);
}

TEST_F(TerminalTest, WatchFollowsTheSizeOfTheTerminal) {
  serve();
  start({"--watch", "3600", "servers"}, 30, 200);
  EXPECT_THAT(read_until_it_shows("\x1b[J"), HasSubstr("last_change"));
  resize(30, 60);
  const std::string narrow = read_until_it_shows("\x1b[J");
  EXPECT_THAT(narrow, HasSubstr("app1"));
  EXPECT_THAT(narrow, Not(HasSubstr("last_change")));
  resize(4, 60);
  EXPECT_THAT(read_until_it_shows("\x1b[J"), HasSubstr("... 3 more lines"));
  ::kill(child_, SIGTERM);
  EXPECT_THAT(read_to_the_end(), HasSubstr("\x1b[?1049l"));
  EXPECT_EQ(exit_status(child_), 0);
}

TEST_F(TerminalTest, WatchOutlivesTheProxy) {
  serve();
  start({"--watch", "0.1", "servers"});
  read_until_it_shows("app1");
  input_.reset();
  ::waitpid(server_, nullptr, 0);
  const std::string told = read_until_it_shows("no answer from");
  EXPECT_THAT(told, HasSubstr("no answer from"));
  EXPECT_THAT(read_until_it_shows("app1"), HasSubstr("app1")) << "the last picture stays";
  serve();
  read_until_it_shows("out/s");
  ::kill(child_, SIGINT);
  read_to_the_end();
  EXPECT_EQ(exit_status(child_), 0);
}

}  // namespace
}  // namespace sluice::lbstat
