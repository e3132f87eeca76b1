#include "sys/bind_remedy.h"

#include <cerrno>
#include <cstring>

namespace sluice::sys {

std::string bind_remedy(int error) {
  switch (error) {
    case EADDRINUSE:
      return "the address is taken by another program: stop it or choose another port";
    case EACCES:
      return "no permission: ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return "this machine does not have the address: add it to an interface or listen on another";
    case EMFILE:
    case ENFILE:
      return "no descriptors left: raise LimitNOFILE (ulimit -n)";
    case EAFNOSUPPORT:
      return "the kernel has no support for this address family";
    default:
      return std::strerror(error);
  }
}

}  // namespace sluice::sys
