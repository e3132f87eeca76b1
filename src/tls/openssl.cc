#include "tls/openssl.h"

namespace sluice::tls {

std::string take_openssl_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  std::string out = reason != nullptr ? reason : "unknown reason";
  ERR_clear_error();
  return out;
}

}  // namespace sluice::tls
