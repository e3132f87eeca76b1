// Which settings of a frontend go together, and whether two listeners collide.
#pragma once

#include "config/checker.h"

namespace sluice::config {

void check_frontend_rules(Checker& checker);

}  // namespace sluice::config
