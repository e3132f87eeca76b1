#include "config/report.h"

#include <algorithm>
#include <utility>

#include "config/bounds.h"
#include "config/utf8.h"

namespace sluice::config {

namespace {

constexpr std::size_t kMaxQuoted = 60;
constexpr std::size_t kMaxKeyPath = 300;

void append_visible(std::string& out, char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(byte);
  if (code >= 0x20 && code != 0x7F) {
    out += byte;
    return;
  }
  out += "\\x";
  out += kHex[code >> 4];
  out += kHex[code & 0xF];
}

/// One line of at most `limit` bytes, cut between characters.
std::string visible(std::string_view value, std::size_t limit) {
  std::size_t end = std::min(value.size(), limit);
  while (end > 0 && end < value.size() && is_continuation_byte(value[end])) --end;
  std::string out;
  for (const char byte : value.substr(0, end)) append_visible(out, byte);
  if (end < value.size()) out += "...";
  return out;
}

}  // namespace

std::string quote(std::string_view value) {
  return '`' + visible(value, kMaxQuoted) + '`';
}

std::string quote_path(std::string_view path) {
  return '`' + visible(path, path.size()) + '`';
}

Report::Report(std::string file, const SourceText& source)
    : file_(std::move(file)), source_(source) {}

void Report::error(Offset offset, std::string key_path, std::string text) {
  ++error_count_;
  add({offset, Severity::kError, std::move(key_path), std::move(text)});
}

void Report::notice(Offset offset, std::string key_path, std::string text) {
  add({offset, Severity::kNotice, std::move(key_path), std::move(text)});
}

bool Report::is_full() const {
  return remarks_.size() >= kMaxDiagnostics;
}

void Report::drop_error() {
  ++error_count_;
  ++dropped_;
}

void Report::add(Remark remark) {
  if (is_full()) {
    ++dropped_;
    return;
  }
  remark.key_path = visible(remark.key_path, kMaxKeyPath);
  if (!said_.insert(std::to_string(remark.offset) + remark.key_path + remark.text).second) return;
  remarks_.push_back(std::move(remark));
}

Diagnostics Report::take() {
  std::stable_sort(remarks_.begin(), remarks_.end(),
                   [](const Remark& a, const Remark& b) { return a.offset < b.offset; });

  Diagnostics out;
  out.reserve(remarks_.size() + 1);
  for (Remark& remark : remarks_) {
    const SourcePosition at = source_.position(remark.offset);
    out.push_back({file_, at.line, at.column, remark.severity, std::move(remark.key_path),
                   std::move(remark.text)});
  }
  if (dropped_ > 0) {
    const SourcePosition end = source_.position(static_cast<Offset>(source_.text().size()));
    out.push_back({file_, end.line, end.column, Severity::kError, "",
                   std::to_string(dropped_) + " further remarks are not shown"});
  }
  remarks_.clear();
  said_.clear();
  error_count_ = dropped_ = 0;
  return out;
}

}  // namespace sluice::config
