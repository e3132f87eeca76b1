// Host names for tests without a name server: getaddrinfo(3) takes `127.9` for 127.0.0.9 as
// inet_aton(3) does, which is no IP address for the configuration, and refuses by itself a name
// that is too long.
#pragma once

#include <string>

namespace sluice::daemon {

inline const std::string kImpossibleName(300, 'a');

}  // namespace sluice::daemon
