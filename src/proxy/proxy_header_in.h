// The stage that reads a PROXY header from clients in trusted networks; others are taken as they
// come, whatever their first bytes are.
//
// Nothing behind the header is read: bytes are looked at first (MSG_PEEK) and only those of the
// header are taken, so that what follows is whole for whoever comes next. Addresses in the header
// become those of the session.
#pragma once

#include <memory>
#include <utility>

#include "proxy/network_set.h"
#include "proxy/stage.h"

namespace sluice::proxy {

class ProxyHeaderInMaker final : public StageMaker {
 public:
  ProxyHeaderInMaker(NetworkSet from, base::milliseconds timeout)
      : from_(std::move(from)), timeout_(timeout) {}

  [[nodiscard]] std::unique_ptr<Stage> make(const StageSeat& seat) const override;

 private:
  NetworkSet from_;
  base::milliseconds timeout_;
};

}  // namespace sluice::proxy
