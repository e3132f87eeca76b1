// Why an address cannot be bound, in words for a person. Any thread.
#pragma once

#include <string>

namespace sluice::sys {

/// `error` is what bind(2), listen(2) or socket(2) gave.
[[nodiscard]] std::string bind_remedy(int error);

}  // namespace sluice::sys
