#include "proxy/client_hello_stage.h"

#include <span>

#include "proxy/reading_stage.h"
#include "tls/server_names.h"
#include "wire/client_hello.h"

namespace sluice::proxy {
namespace {

class ClientHelloStage final : public ReadingStage {
 public:
  ClientHelloStage(const StageSeat& seat, base::milliseconds time) noexcept
      : ReadingStage(seat, {time, {CloseReason::kSniTimeout, Side::kClient}}) {}

 private:
  void take(std::span<const std::byte> bytes) noexcept override;

  wire::ClientHelloReader reader_;
};

void ClientHelloStage::take(std::span<const std::byte> bytes) noexcept {
  Findings& findings = seat_.findings;
  findings.from_client.insert(findings.from_client.end(), bytes.begin(), bytes.end());
  switch (reader_.feed(bytes)) {
    case wire::ClientHelloReader::Status::kIncomplete:
      return;
    case wire::ClientHelloReader::Status::kComplete:
      findings.server_name = tls::normal_name(reader_.server_name());
      return finish();
    case wire::ClientHelloReader::Status::kOther:
      findings.problem = reader_.problem();
      return finish();
  }
}

}  // namespace

std::unique_ptr<Stage> ClientHelloMaker::make(const StageSeat& seat) const {
  return std::make_unique<ClientHelloStage>(seat, time_);
}

}  // namespace sluice::proxy
