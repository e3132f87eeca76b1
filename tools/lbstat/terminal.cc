#include "lbstat/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sluice::lbstat {
namespace {

constexpr std::size_t kDefaultWidth = 100;
constexpr std::size_t kLeastWidth = 40;
constexpr std::size_t kDefaultHeight = 24;

winsize terminal_size() noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return size;
}

/// The first `height` lines; where there are more, the last of them says how many.
std::string cut_to_height(const std::string& picture, std::size_t height) {
  const auto lines = static_cast<std::size_t>(std::count(picture.begin(), picture.end(), '\n'));
  if (lines <= height) return picture;
  std::size_t end = 0;
  for (std::size_t line = 0; line + 1 < height; ++line) end = picture.find('\n', end) + 1;
  return picture.substr(0, end) + "... " + std::to_string(lines - height + 1) + " more lines\n";
}

sigset_t watched_signals() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&set, number);
  return set;
}

}  // namespace

bool is_terminal() noexcept {
  return ::isatty(STDOUT_FILENO) == 1;
}

Layout output_layout() noexcept {
  if (!is_terminal()) return {kDefaultWidth, Colour::kOff, Cut::kWhole};
  const char* no_colour = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  const bool plain = no_colour != nullptr && *no_colour != '\0';
  const std::size_t width = terminal_size().ws_col;
  return {width == 0 ? kDefaultWidth : std::max(width, kLeastWidth),
          plain ? Colour::kOff : Colour::kOn, Cut::kShorten};
}

bool print(const std::string& text) noexcept {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

Canvas::Canvas() {
  if (is_terminal()) print("\x1b[?1049h\x1b[?25l");  // second screen, no cursor
}

Canvas::~Canvas() {
  if (is_terminal()) print("\x1b[?25h\x1b[?1049l");
}

bool Canvas::draw(const std::string& picture) const {
  if (!is_terminal()) return print(picture + '\n');
  const std::size_t rows = terminal_size().ws_row;
  const std::string cut = cut_to_height(picture, (rows == 0 ? kDefaultHeight : rows) - 1);
  std::string out = "\x1b[H";  // home
  for (const char letter : cut) {
    if (letter == '\n') out += "\x1b[K";  // the rest of the line before
    out += letter;
  }
  return print(out + "\x1b[J");  // and what is below
}

Waiter::Waiter() {
  const sigset_t set = watched_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Waiter::Event Waiter::wait_until(std::chrono::steady_clock::time_point end) const {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  const sigset_t set = watched_signals();
  for (;;) {
    const auto left = std::max(end - std::chrono::steady_clock::now(), nanoseconds(0));
    const auto whole = duration_cast<seconds>(left);
    const timespec limit{whole.count(), (left - whole).count()};
    const int number = ::sigtimedwait(&set, nullptr, &limit);
    if (number == SIGWINCH) return Event::kResized;
    if (number > 0) return Event::kStop;
    if (left == nanoseconds(0)) return Event::kTimeout;
  }
}

}  // namespace sluice::lbstat
