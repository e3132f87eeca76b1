// Which settings of a backend and its servers go together with each other and with the frontends
// that reach them.
#pragma once

#include "config/checker.h"

namespace sluice::config {

void check_server_rules(Checker& checker);

}  // namespace sluice::config
