// Layouts that several tests render with.
#pragma once

#include "lbstat/render.h"

namespace sluice::lbstat {

/// What a pipe gets: 100 columns, nothing cut.
inline constexpr Layout kPipe{100, Colour::kOff, Cut::kWhole};

}  // namespace sluice::lbstat
