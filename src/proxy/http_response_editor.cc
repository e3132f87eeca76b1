#include "proxy/http_response_editor.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace sluice::proxy {
namespace {

bool is_digit(char letter) noexcept {
  return letter >= '0' && letter <= '9';
}

/// The status of `HTTP/1.1 200`; 0 where that is not what it says.
int status_of(std::string_view begin) noexcept {
  if (!begin.starts_with("HTTP/1.") || !is_digit(begin[7]) || begin[8] != ' ') return 0;
  int status = 0;
  for (const char digit : begin.substr(9, 3)) {
    if (!is_digit(digit)) return 0;
    status = status * 10 + (digit - '0');
  }
  return status >= 100 ? status : 0;
}

}  // namespace

void HttpResponseEditor::edit(std::span<const std::byte> bytes, ByteString& out) noexcept {
  while (!bytes.empty()) bytes = step(bytes, out);
}

std::span<const std::byte> HttpResponseEditor::step(std::span<const std::byte> bytes,
                                                    ByteString& out) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::size_t taken = text.size();
  switch (place_) {
    case Place::kStatus:
      taken = text.copy(begin_.data() + begun_, kStatusBytes - begun_);
      begun_ += taken;
      if (begun_ == kStatusBytes) judge_status(out);
      return bytes.subspan(taken);
    case Place::kStatusLine:
      taken = std::min(text.find('\n'), text.size() - 1) + 1;
      if (text[taken - 1] != '\n') break;
      append(out, text.substr(0, taken));
      append(out, line_);
      place_ = Place::kDone;
      return bytes.subspan(taken);
    case Place::kInterim:
      for (taken = 0; taken < text.size() && place_ == Place::kInterim;)
        pass_interim(text[taken++]);
      break;
    case Place::kDone:
      break;
    case Place::kRefused:
      return {};
  }
  append(out, text.substr(0, taken));
  return bytes.subspan(taken);
}

void HttpResponseEditor::judge_status(ByteString& out) {
  const std::string_view begin(begin_.data(), begin_.size());
  const int status = status_of(begin);
  if (status == 0) {
    place_ = Place::kRefused;
    return;
  }
  begun_ = 0;
  append(out, begin);
  if (status < 200 && status != kSwitchingProtocols) {
    is_line_empty_ = false;  // the status line is not
    place_ = Place::kInterim;
  } else {
    status_ = status;
    place_ = Place::kStatusLine;
  }
}

/// The empty line ends the head, with or without CR.
void HttpResponseEditor::pass_interim(char letter) noexcept {
  if (letter == '\r') return;
  if (letter == '\n' && is_line_empty_) place_ = Place::kStatus;
  is_line_empty_ = letter == '\n';
}

}  // namespace sluice::proxy
