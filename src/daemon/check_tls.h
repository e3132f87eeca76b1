// How a health check speaks TLS, where it does. Control thread.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sluice/config.h"
#include "sluice/error.h"
#include "tls/certificate_store.h"

namespace sluice::daemon {

struct CheckTls {
  std::shared_ptr<boost::asio::ssl::context> context;  ///< null: the check speaks no TLS
  std::string server_name;                             ///< SNI, and what the certificate must carry
  ServerVerify verify = ServerVerify::kRequired;

  /// Contexts are made anew with each configuration, so they do not count.
  friend bool operator==(const CheckTls& left, const CheckTls& right) {
    return (left.context == nullptr) == (right.context == nullptr) &&
           left.server_name == right.server_name && left.verify == right.verify;
  }
};

/// The contexts of one configuration's checks: one for each pair of CA bundle and client
/// certificate that is in use. Files are read when a check needs one first.
class CheckContexts {
 public:
  explicit CheckContexts(const Config& config);

  /// As the server is spoken to. A bundle that cannot be read (any more) trusts nobody.
  [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> find(const ServerConfig& server);

 private:
  [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> make(const ServerConfig& server);

  const Config& config_;
  std::optional<Result<tls::CertificateStore>> store_;  ///< loaded when it is needed first
  /// By the names of both.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<boost::asio::ssl::context>>
      contexts_;
};

}  // namespace sluice::daemon
