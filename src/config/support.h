// What the schema knows and this version cannot do yet.
//
// Every key of the file is decoded and checked already; one that would have no effect is an error
// at its line instead of a silent surprise. A feature that is built loses its line in support.cc.
#pragma once

#include "config/checker.h"

namespace sluice::config {

void check_support(Checker& checker);

}  // namespace sluice::config
