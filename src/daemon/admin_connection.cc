#include "daemon/admin_connection.h"

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

#include "daemon/admin_source.h"

namespace sluice::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint32_t kHeadLimit = 8 * 1024;
constexpr std::uint64_t kBodyLimit = std::uint64_t{64} * 1024;
constexpr std::size_t kBufferLimit = std::size_t{16} * 1024;
/// How long an answer to an unread request may take to be noticed before the socket is closed.
constexpr std::chrono::seconds kLinger{2};

std::string to_string(beast::string_view text) {
  return {text.data(), text.size()};
}

/// The answer to bytes that are no acceptable request; nothing where the client just went away or
/// stalled.
std::optional<AdminAnswer> answer_to_error(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refusal(431, "the request head is larger than 8 KiB");
  }
  if (error == http::error::body_limit) return refusal(413, "the body is larger than 64 KiB");
  const bool is_syntax = error.category() == make_error_code(http::error::bad_version).category();
  if (is_syntax && error != http::error::end_of_stream && error != http::error::partial_message) {
    return refusal(400, "malformed request: " + error.message());
  }
  return std::nullopt;
}

}  // namespace

/// One client.
///
///   await -> read -> (route) -> write -> await ...
///                 \-> write -> drain -> closed      after an answer that ends the connection
///
/// At most one operation on the stream is under way; while route() has the request none is.
class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  enum class Welcome { kServe, kRefuse };

  AdminConnection(AdminConnections& registry, AdminStream::socket socket, AdminAccess access,
                  Welcome welcome)
      : registry_(&registry),
        stream_(std::move(socket)),
        answer_timer_(stream_.get_executor()),
        access_(access),
        welcome_(welcome) {}

  [[nodiscard]] AdminAccess access() const noexcept { return access_; }
  [[nodiscard]] Welcome welcome() const noexcept { return welcome_; }

  void await_request() {
    if (registry_ == nullptr) return;
    if (buffer_.size() > 0) return read_request();  // sent ahead of the last answer
    stream_.expires_after(welcome_ == Welcome::kServe ? limits().idle : limits().request);
    stream_.async_read_some(buffer_.prepare(kHeadLimit),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                              if (error) return self->close();
                              self->buffer_.commit(size);
                              self->read_request();
                            });
  }

  /// Ends the connection now; whatever is under way completes as aborted and finds nothing to do.
  void close() noexcept {
    if (registry_ == nullptr) return;
    error_code ignored;
    answer_timer_.cancel(ignored);
    stream_.socket().close(ignored);
    std::exchange(registry_, nullptr)->forget(weak_from_this().lock());
  }

 private:
  void read_request() {
    if (registry_ == nullptr) return;
    parser_.emplace();
    parser_->header_limit(kHeadLimit);
    parser_->body_limit(kBodyLimit);
    stream_.expires_after(limits().request);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& error, std::size_t) {
                       self->on_request(error);
                     });
  }

  void on_request(const error_code& error) {
    if (registry_ == nullptr) return;
    if (error) {
      auto answer = answer_to_error(error);
      if (!answer) return close();
      return write(*std::move(answer), AfterAnswer::kClose);
    }
    if (welcome_ == Welcome::kRefuse) {
      return write(refusal(503, "too many connections: try again"), AfterAnswer::kClose);
    }
    await_answer();
    route(registry_->source_,
          {to_string(parser_->get().method_string()), to_string(parser_->get().target()), access_,
           parser_->get().body()},
          [weak = weak_from_this(), exchange = exchange_](AdminAnswer answer) {
            if (const auto self = weak.lock()) self->on_answer(exchange, std::move(answer));
          });
  }

  /// Starts the time limit of the exchange that begins.
  void await_answer() {
    ++exchange_;
    answer_timer_.expires_after(limits().answer);
    answer_timer_.async_wait(
        [weak = weak_from_this(), exchange = exchange_](const error_code& error) {
          const auto self = weak.lock();
          if (error || !self) return;
          self->on_answer(exchange, refusal(504,
                                            "no answer in time; the request may still be "
                                            "carried out: see `lbstat status`"));
        });
  }

  /// An answer that comes after the time limit or twice belongs to no exchange any more.
  void on_answer(std::uint64_t exchange, AdminAnswer answer) {
    if (registry_ == nullptr || exchange != exchange_) return;
    ++exchange_;
    answer_timer_.cancel();
    write(std::move(answer),
          parser_->get().keep_alive() ? AfterAnswer::kContinue : AfterAnswer::kClose);
  }

  enum class AfterAnswer { kContinue, kClose };

  void write(AdminAnswer answer, AfterAnswer after) {
    response_ = {};
    response_.version(11);
    response_.result(answer.status);
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    for (const auto& [name, value] : answer.headers) response_.set(name, value);
    response_.keep_alive(after == AfterAnswer::kContinue);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    if (parser_->get().method() == http::verb::head) response_.body().clear();
    stream_.expires_after(limits().write);
    http::async_write(stream_, response_,
                      [self = shared_from_this(), after](const error_code& error, std::size_t) {
                        if (error) return self->close();
                        if (after == AfterAnswer::kContinue) return self->await_request();
                        self->end();
                      });
  }

  /// Says that nothing more will come, and reads what the client still sends for a moment: closing
  /// with unread bytes would reset the connection and could take the answer with it.
  void end() {
    if (registry_ == nullptr) return;
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    stream_.expires_after(kLinger);
    drain();
  }

  void drain() {
    stream_.async_read_some(asio::buffer(discarded_),
                            [self = shared_from_this()](const error_code& error, std::size_t) {
                              if (error || self->registry_ == nullptr) return self->close();
                              self->drain();
                            });
  }

  [[nodiscard]] const AdminLimits& limits() const noexcept { return registry_->limits_; }

  AdminConnections* registry_;  ///< null = closed
  beast::basic_stream<AdminStream> stream_;
  asio::steady_timer answer_timer_;
  const AdminAccess access_;
  const Welcome welcome_;
  beast::flat_buffer buffer_{kBufferLimit};
  std::optional<http::request_parser<http::string_body>> parser_;  ///< of the current request
  http::response<http::string_body> response_;                     ///< being written
  std::uint64_t exchange_ = 0;  ///< tells the current request's answer from late ones
  std::array<char, 4096> discarded_{};
};

AdminConnections::AdminConnections(AdminSource& source, const AdminLimits& limits) noexcept
    : source_(source), limits_(limits) {}

AdminConnections::~AdminConnections() {
  close_all();
}

bool AdminConnections::is_full(AdminAccess access) const noexcept {
  return open_.size() - refused_ >= limits_.connections ||
         (access == AdminAccess::kReadOnly && read_only_ >= limits_.read_only_connections);
}

void AdminConnections::add(AdminStream::socket socket, AdminAccess access) {
  using Welcome = AdminConnection::Welcome;
  const Welcome welcome = is_full(access) ? Welcome::kRefuse : Welcome::kServe;
  if (welcome == Welcome::kRefuse && refused_ >= limits_.refusals) return;  // closes the socket
  const auto connection =
      std::make_shared<AdminConnection>(*this, std::move(socket), access, welcome);
  open_.insert(connection);
  if (welcome == Welcome::kRefuse) {
    ++refused_;
  } else if (access == AdminAccess::kReadOnly) {
    ++read_only_;
  }
  connection->await_request();
}

void AdminConnections::close_all() {
  while (!open_.empty()) {
    const auto connection = *open_.begin();
    connection->close();
  }
}

void AdminConnections::forget(const std::shared_ptr<AdminConnection>& connection) noexcept {
  if (open_.erase(connection) == 0) return;
  if (connection->welcome() == AdminConnection::Welcome::kRefuse) {
    --refused_;
  } else if (connection->access() == AdminAccess::kReadOnly) {
    --read_only_;
  }
}

}  // namespace sluice::daemon
