// Follows every request of a connection and changes their heads on the way to the server: our
// cookie is taken out, X-Forwarded-For and X-Forwarded-Proto are set.
//
//   head --> body --> head ...          a request that is not plain HTTP/1.1 refuses the connection
//             |
//             +--> waiting --> tunnel   the first request asked for an upgrade or CONNECT:
//                     |                 what follows waits for the answer
//                     +--> head         the server stays with HTTP
//
// Bodies go by as they come. X-Forwarded-For is what the client sent with its own address at the
// end; X-Forwarded-Proto of the client is replaced. What this connection turns into is known for
// the first request only, as answers are not followed: a later Upgrade is taken out of the request,
// which asks the server to go on with HTTP/1.1 (RFC 9110 section 7.8), and so is one to HTTP/2,
// whose requests nobody here would see. A later CONNECT is refused. Limits: a head of
// wire::kMaxRequestHead, and `kMaxWaiting` bytes behind a request for an upgrade.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/byte_editor.h"
#include "wire/http_body.h"
#include "wire/http_head.h"

namespace sluice::proxy {

/// What is changed; empty: nothing of the kind.
struct RequestChanges {
  std::string strip_cookie;   ///< the name of a cookie
  std::string forwarded_for;  ///< the client's address
  std::string_view forwarded_proto;

  [[nodiscard]] bool is_needed() const noexcept {
    return !strip_cookie.empty() || !forwarded_for.empty();
  }
};

class HttpRequestEditor final : public ByteEditor {
 public:
  static constexpr std::size_t kMaxWaiting = std::size_t{64} * 1024;

  explicit HttpRequestEditor(RequestChanges changes) : changes_(std::move(changes)) {}

  void edit(std::span<const std::byte> bytes, ByteString& out) noexcept override;
  [[nodiscard]] bool is_done() const noexcept override {
    return place_ == Place::kTunnel && waiting_.empty();
  }

  /// The first request's answer is known: whether the connection is something else than HTTP from
  /// here on. What waited goes on with the next `edit()`.
  void on_answer(bool is_switching) noexcept;

  /// Null, or why the connection must end.
  [[nodiscard]] const char* problem() const noexcept { return problem_; }

 private:
  enum class Place : std::uint8_t { kHead, kBody, kWaiting, kTunnel, kRefused };

  [[nodiscard]] std::span<const std::byte> step(std::span<const std::byte> bytes,
                                                ByteString& out) noexcept;
  void end_head(ByteString& out) noexcept;
  void end_body() noexcept;
  void wait(std::span<const std::byte> bytes) noexcept;
  void refuse(const char* problem) noexcept;
  void write_head(ByteString& out);
  [[nodiscard]] bool write_changed(const wire::HeaderFields& fields, ByteString& out);
  void write_cookies(const wire::HeaderField& field, ByteString& out) const;

  RequestChanges changes_;
  wire::HeadReader head_;
  wire::BodyReader body_;
  Place place_ = Place::kHead;
  bool is_first_ = true;
  bool may_switch_ = false;
  std::string forwarded_for_;  ///< of the head at hand
  ByteString waiting_;
  const char* problem_ = nullptr;
};

}  // namespace sluice::proxy
