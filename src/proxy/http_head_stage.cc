#include "proxy/http_head_stage.h"

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "proxy/http_findings.h"
#include "proxy/relay.h"
#include "proxy/socket_errors.h"
#include "uring/completion.h"

namespace sluice::proxy {
namespace {

constexpr int kBadRequest = 400;
constexpr int kRequestTimeout = 408;
constexpr int kHeadTooLarge = 431;

class HttpHeadStage final : public Stage {
 public:
  static constexpr std::size_t kBufferBytes = 4096;

  HttpHeadStage(const StageSeat& seat, base::milliseconds time)
      : Stage(seat, {time, {CloseReason::kRequestTimeout, Side::kClient}}) {}

  void start() noexcept override;
  bool is_quiet() const noexcept override { return !receive_.is_in_flight(); }

 private:
  void cancel() noexcept override { seat_.context.reactor.ring().cancel(receive_); }
  void on_receive(uring::Outcome outcome) noexcept;
  void wait() noexcept { seat_.context.reactor.ring().receive(receive_, seat_.fd, buffer_); }
  void take(std::span<const std::byte> bytes) noexcept;
  void conclude(std::span<const std::byte> rest) noexcept;
  void refuse(int status) noexcept;

  wire::HeadReader reader_;
  std::array<std::byte, kBufferBytes> buffer_;
  uring::Op<&HttpHeadStage::on_receive> receive_{*this};
};

void HttpHeadStage::start() noexcept {
  seat_.findings.http = std::make_unique<HttpFindings>();
  const ByteString early = std::exchange(seat_.findings.from_client, {});
  take(early);
  if (progress() == Progress::kWorking) wait();
}

void HttpHeadStage::on_receive(uring::Outcome outcome) noexcept {
  if (progress() != Progress::kWorking) return;
  if (outcome.result == 0) return fail({CloseReason::kClientClosed, Side::kClient});
  if (outcome.result > 0) {
    take(std::span(buffer_).first(static_cast<std::size_t>(outcome.result)));
  } else if (!is_retry(-outcome.result)) {
    return fail({CloseReason::kClientReset, Side::kClient});
  }
  if (progress() == Progress::kWorking) wait();
}

void HttpHeadStage::take(std::span<const std::byte> bytes) noexcept {
  const auto rest = bytes.subspan(reader_.feed(bytes));
  switch (reader_.status()) {
    case wire::HeadReader::Status::kIncomplete:
      seat_.findings.http->refusal = reader_.is_empty() ? 0 : kRequestTimeout;
      return;
    case wire::HeadReader::Status::kComplete:
      return conclude(rest);
    case wire::HeadReader::Status::kInvalid:
      return refuse(kBadRequest);
    case wire::HeadReader::Status::kTooLarge:
      return refuse(kHeadTooLarge);
  }
}

void HttpHeadStage::conclude(std::span<const std::byte> rest) noexcept {
  HttpFindings& found = *seat_.findings.http;
  const auto head = std::as_bytes(std::span(reader_.text()));
  found.request.reserve(head.size() + rest.size());
  found.request.assign(head.begin(), head.end());
  found.request.insert(found.request.end(), rest.begin(), rest.end());
  found.head = reader_.head();
  found.head_size = head.size();
  finish();
}

void HttpHeadStage::refuse(int status) noexcept {
  seat_.findings.http->refusal = status;
  seat_.findings.problem = reader_.problem();
  fail({CloseReason::kRequestInvalid, Side::kClient});
}

}  // namespace

std::unique_ptr<Stage> HttpHeadMaker::make(const StageSeat& seat) const {
  return std::make_unique<HttpHeadStage>(seat, time_);
}

}  // namespace sluice::proxy
