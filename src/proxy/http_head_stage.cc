#include "proxy/http_head_stage.h"

#include <optional>
#include <span>

#include "proxy/http_findings.h"
#include "proxy/leg_reader.h"
#include "proxy/reading_stage.h"
#include "proxy/relay.h"
#include "proxy/secure_relay.h"

namespace sluice::proxy {
namespace {

constexpr int kBadRequest = 400;
constexpr int kRequestTimeout = 408;
constexpr int kHeadTooLarge = 431;

class HttpHeadStage final : public ReadingStage {
 public:
  HttpHeadStage(const StageSeat& seat, base::milliseconds time)
      : ReadingStage(seat, {time, {CloseReason::kRequestTimeout, Side::kClient}}) {}

  void start() noexcept override;

 private:
  [[nodiscard]] bool begin_records() noexcept;
  void take(std::span<const std::byte> bytes) noexcept override;
  void take_records(std::span<const std::byte> bytes) noexcept;
  LegReader::What take_record(std::span<const std::byte>& bytes) noexcept;
  void take_plaintext(std::span<const std::byte> bytes) noexcept;
  void conclude(std::span<const std::byte> rest) noexcept;
  void refuse(int status) noexcept;

  wire::HeadReader reader_;
  std::optional<LegReader> records_;  ///< where the client speaks TLS
};

void HttpHeadStage::start() noexcept {
  seat_.findings.http = std::make_unique<HttpFindings>();
  if (!begin_records()) return fail({CloseReason::kInternal, Side::kUs});
  ReadingStage::start();
}

/// Takes the keys, where a handshake has been done. False: OpenSSL could not derive them.
bool HttpHeadStage::begin_records() noexcept {
  Findings& findings = seat_.findings;
  if (!findings.client_tls) return true;
  findings.client_leg = SecureLeg::make(findings.client_tls->secrets);
  findings.client_tls->secrets = tls::SessionSecrets();
  if (!findings.client_leg) return false;
  findings.client_leg->owe(std::exchange(findings.client_tls->unsent, {}));
  records_.emplace(*findings.client_leg);
  return true;
}

void HttpHeadStage::take(std::span<const std::byte> bytes) noexcept {
  return records_ ? take_records(bytes) : take_plaintext(bytes);
}

/// Records behind the one that the head ends in are the relay's.
void HttpHeadStage::take_records(std::span<const std::byte> bytes) noexcept {
  while (progress() == Progress::kWorking && !bytes.empty()) {
    switch (take_record(bytes)) {
      case LegReader::What::kNothing:
        break;
      case LegReader::What::kPlaintext:
        take_plaintext(records_->plaintext());
        break;
      case LegReader::What::kEnded:
        return fail({CloseReason::kClientClosed, Side::kClient});
      case LegReader::What::kFailed:
        return fail({CloseReason::kClientReset, Side::kClient});
    }
  }
  seat_.findings.from_client.assign(bytes.begin(), bytes.end());
}

LegReader::What HttpHeadStage::take_record(std::span<const std::byte>& bytes) noexcept {
  SecureContext& secure = *seat_.context.secure;
  const SecureLeg& leg = *seat_.findings.client_leg;
  const std::uint32_t updates = leg.key_updates();
  const auto what = records_->feed(secure.aead, bytes, seat_.context.reactor.now());
  secure.key_updates.add(leg.key_updates() - updates);
  if (what == LegReader::What::kFailed && leg.has_answer()) secure.refusals.add(1);
  return what;
}

void HttpHeadStage::take_plaintext(std::span<const std::byte> bytes) noexcept {
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
