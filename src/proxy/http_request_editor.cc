#include "proxy/http_request_editor.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {

void HttpRequestEditor::edit(std::span<const std::byte> bytes, ByteString& out) noexcept {
  if (place_ != Place::kWaiting && !waiting_.empty()) {
    const ByteString before = std::exchange(waiting_, {});
    edit(before, out);
  }
  while (!bytes.empty()) bytes = step(bytes, out);
}

/// Takes some of the bytes; gives the rest.
std::span<const std::byte> HttpRequestEditor::step(std::span<const std::byte> bytes,
                                                   ByteString& out) noexcept {
  std::size_t taken = bytes.size();
  switch (place_) {
    case Place::kHead:
      taken = head_.feed(bytes);
      end_head(out);
      break;
    case Place::kBody:
      taken = body_.feed(bytes);
      if (body_.status() != wire::BodyReader::Status::kInvalid) append(out, bytes.first(taken));
      end_body();
      break;
    case Place::kWaiting:
      wait(bytes);
      break;
    case Place::kTunnel:
      append(out, bytes);
      break;
    case Place::kRefused:
      break;
  }
  return bytes.subspan(taken);
}

void HttpRequestEditor::end_head(ByteString& out) noexcept {
  switch (head_.status()) {
    case wire::HeadReader::Status::kIncomplete:
      return;
    case wire::HeadReader::Status::kComplete:
      break;
    case wire::HeadReader::Status::kInvalid:
    case wire::HeadReader::Status::kTooLarge:
      return refuse(head_.problem());
  }
  const wire::RequestHead& head = head_.head();
  if (head.is_connect && !is_first_) return refuse("CONNECT after other requests");
  may_switch_ = is_first_ && (head.is_connect || (head.wants_upgrade && !head.wants_h2c));
  write_head(out);
  is_first_ = false;
  body_.begin(head);
  head_.reset();
  place_ = Place::kBody;
  end_body();
}

void HttpRequestEditor::end_body() noexcept {
  switch (body_.status()) {
    case wire::BodyReader::Status::kIncomplete:
      return;
    case wire::BodyReader::Status::kInvalid:
      return refuse("chunk malformed");
    case wire::BodyReader::Status::kComplete:
      place_ = may_switch_ ? Place::kWaiting : Place::kHead;
  }
}

void HttpRequestEditor::wait(std::span<const std::byte> bytes) noexcept {
  if (waiting_.size() + bytes.size() > kMaxWaiting) {
    return refuse("too much behind a request for an upgrade");
  }
  append(waiting_, bytes);
}

void HttpRequestEditor::on_answer(bool is_switching) noexcept {
  if (!std::exchange(may_switch_, false)) return;
  if (place_ == Place::kRefused) return;
  if (is_switching) {
    place_ = Place::kTunnel;
  } else if (place_ == Place::kWaiting) {
    place_ = Place::kHead;
  }
}

void HttpRequestEditor::refuse(const char* problem) noexcept {
  place_ = Place::kRefused;
  problem_ = problem;
  waiting_.clear();
}

// --- Heads ---

void HttpRequestEditor::write_head(ByteString& out) {
  const std::string_view text = head_.text();
  forwarded_for_.clear();
  append(out, text.substr(0, text.find("\r\n") + 2));
  for (wire::HeaderFields fields(text); fields.next();) {
    if (!write_changed(fields, out)) append(out, fields.field().line);
  }
  if (!changes_.forwarded_for.empty()) {
    append(out, "X-Forwarded-For: ");
    append(out, forwarded_for_);
    append(out, changes_.forwarded_for);
    append(out, "\r\nX-Forwarded-Proto: ");
    append(out, changes_.forwarded_proto);
    append(out, "\r\n");
  }
  append(out, "\r\n");
}

/// Whether this field is not to go on as it is; what goes on in its place is written.
bool HttpRequestEditor::write_changed(const wire::HeaderFields& fields, ByteString& out) {
  if (!may_switch_ && fields.is("upgrade")) return true;
  if (!changes_.strip_cookie.empty() && fields.is("cookie")) {
    write_cookies(fields.field(), out);
    return true;
  }
  if (changes_.forwarded_for.empty()) return false;
  if (fields.is("x-forwarded-for")) {
    if (!fields.field().value.empty()) {
      forwarded_for_.append(fields.field().value).append(", ");
    }
    return true;
  }
  return fields.is("x-forwarded-proto");
}

void HttpRequestEditor::write_cookies(const wire::HeaderField& field, ByteString& out) const {
  std::string kept;
  for (wire::CookiePairs pairs(field.value); pairs.next();) {
    if (pairs.name() == changes_.strip_cookie) continue;
    if (!kept.empty()) kept += "; ";
    kept.append(pairs.text());
  }
  if (kept.empty()) return;
  append(out, field.name);
  append(out, ": ");
  append(out, kept);
  append(out, "\r\n");
}

}  // namespace sluice::proxy
