#include "daemon/stream_check.h"

#include <openssl/err.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <utility>

#include "tls/verify.h"

namespace sluice::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

bool is_end(const error_code& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

/// A failed TLS operation in words: `tls: wrong version number`.
CheckResult tls_failure(const error_code& error, const SSL& ssl) {
  if (const std::string reason = tls::verify_reason(ssl); !reason.empty()) {
    return check_failed("verify: " + reason);
  }
  if (is_end(error)) return check_failed("tls: the server closed during the handshake");
  if (error.category() != asio::error::get_ssl_category()) return check_failed_by(error.value());
  const char* const reason =
      ERR_reason_error_string(static_cast<unsigned long>(static_cast<unsigned>(error.value())));
  return check_failed(std::string("tls: ") + (reason != nullptr ? reason : "handshake failed"));
}

}  // namespace

StreamCheck::StreamCheck(asio::io_context& io, CheckPlan plan, Done done)
    : ConnectCheck(io, std::move(plan), std::move(done)) {}

template <typename Action>
void StreamCheck::with_stream(Action action) {
  if (tls_) {
    action(*tls_);
  } else {
    action(socket());
  }
}

CheckResult StreamCheck::at_timeout() const {
  CheckResult result = HealthCheck::at_timeout();
  if (!plan().check.expect.empty()) {
    result.text += ": " + unexpected_text(plan().check.expect, answer_);
  }
  return result;
}

void StreamCheck::go_on() {
  if (plan().tls.context != nullptr) return shake_hands();
  send();
}

void StreamCheck::shake_hands() {
  tls_.emplace(socket(), *plan().tls.context);
  if (!tls::expect_server(*tls_->native_handle(), plan().tls.server_name, plan().tls.verify)) {
    return finish(check_failed_by(ENOMEM));
  }
  tls_->async_handshake(
      asio::ssl::stream_base::client,
      [this, self = shared_from_this()](const error_code& error) { on_hands_shaken(error); });
}

void StreamCheck::on_hands_shaken(const error_code& error) {
  if (is_finished()) return;
  if (error) return finish(tls_failure(error, *tls_->native_handle()));
  send();
}

void StreamCheck::send() {
  const bool is_http = plan().check.type == HealthCheckType::kHttp;
  question_ = is_http ? http_request(plan().check, plan().host) : plan().check.send;
  if (question_.empty()) return judge(AnswerEnd::kMayGoOn);
  with_stream([this](auto& stream) {
    asio::async_write(stream, asio::buffer(question_),
                      [this, self = shared_from_this()](const error_code& error, std::size_t) {
                        if (is_finished()) return;
                        if (error) return finish(check_failed_by(error.value()));
                        judge(AnswerEnd::kMayGoOn);
                      });
  });
}

void StreamCheck::receive() {
  with_stream([this](auto& stream) {
    stream.async_read_some(asio::buffer(part_), [this, self = shared_from_this()](
                                                    const error_code& error, std::size_t count) {
      on_received(error, count);
    });
  });
}

void StreamCheck::on_received(const error_code& error, std::size_t count) {
  if (is_finished()) return;
  answer_.append(part_.data(), count);
  if (!error) {
    return judge(answer_.size() < kMostAnswer ? AnswerEnd::kMayGoOn : AnswerEnd::kReached);
  }
  if (is_end(error)) return judge(AnswerEnd::kReached);
  finish(tls_ ? tls_failure(error, *tls_->native_handle()) : check_failed_by(error.value()));
}

void StreamCheck::judge(AnswerEnd end) {
  const Judgement judgement = judge_answer(plan().check, answer_, end);
  switch (judgement.kind) {
    case Judgement::Kind::kWait:
      return receive();
    case Judgement::Kind::kGood:
      return finish(check_passed(elapsed()));
    case Judgement::Kind::kBad:
      return finish(check_failed(judgement.reason));
  }
}

}  // namespace sluice::daemon
