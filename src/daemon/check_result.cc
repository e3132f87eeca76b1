#include "daemon/check_result.h"

#include <array>
#include <boost/system/error_code.hpp>
#include <cstdio>
#include <utility>

#include "sys/socket.h"

namespace sluice::daemon {
namespace {

/// `0.4ms`, `12ms`, `1.3s`: as exact as a reader needs.
std::string elapsed_text(std::chrono::steady_clock::duration elapsed) {
  const double ms = std::chrono::duration<double, std::milli>(elapsed).count();
  std::array<char, 32> text{};
  if (ms < 10) {
    std::snprintf(text.data(), text.size(), "%.1fms", ms);
  } else if (ms < 1000) {
    std::snprintf(text.data(), text.size(), "%.0fms", ms);
  } else {
    std::snprintf(text.data(), text.size(), "%.1fs", ms / 1000);
  }
  return text.data();
}

void append_escaped(std::string& out, char letter) {
  switch (letter) {
    case '\r':
      out += "\\r";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '"':
    case '\\':
      out += '\\';
      out += letter;
      return;
    default:
      break;
  }
  if (letter >= ' ' && letter <= '~') {
    out += letter;
    return;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(letter);
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

CheckResult check_passed(std::chrono::steady_clock::duration elapsed) {
  return {CheckVerdict::kAnswered, "ok " + elapsed_text(elapsed)};
}

CheckResult check_failed(std::string text) {
  return {CheckVerdict::kFailed, std::move(text)};
}

CheckResult check_failed_by(int error) {
  std::string text = boost::system::system_category().message(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  if (sys::is_shortage(error) || sys::is_out_of_ports(error)) {
    return {CheckVerdict::kNotMade, "not checked: " + text};
  }
  return check_failed(std::move(text));
}

std::string setting_text(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

std::string excerpt(std::string_view bytes) {
  constexpr std::size_t kShown = 40;
  std::string out = "\"";
  for (const char letter : bytes.substr(0, kShown)) append_escaped(out, letter);
  return out + (bytes.size() > kShown ? "...\"" : "\"");
}

}  // namespace sluice::daemon
