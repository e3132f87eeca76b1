#include "uring/refusal.h"

#include <sys/utsname.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace sluice::uring {
namespace {

std::string first_word(const char* path, const std::string& key = {}) {
  std::ifstream file(path);
  std::string word;
  if (key.empty()) {
    file >> word;
    return word;
  }
  while (file >> word) {
    if (word == key) {
      file >> word;
      return word;
    }
  }
  return {};
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "of unknown release";
}

}  // namespace

std::string explain_refusal(int error) {
  const std::string refused = std::string("io_uring is refused (") + std::strerror(error) + "): ";
  const std::string disabled = first_word("/proc/sys/kernel/io_uring_disabled");
  if (error == EPERM && disabled == "2") {
    return refused + "kernel.io_uring_disabled is 2; run 'sysctl kernel.io_uring_disabled=0'";
  }
  if (error == EPERM && disabled == "1") {
    return refused +
           "kernel.io_uring_disabled is 1; add the user's group to kernel.io_uring_group or run "
           "'sysctl kernel.io_uring_disabled=0'";
  }
  const bool is_filtered = first_word("/proc/self/status", "Seccomp:") == "2";
  if ((error == EPERM || error == EACCES || error == ENOSYS) && is_filtered) {
    return refused +
           "a seccomp filter blocks it, as container runtimes do by default; allow io_uring_setup, "
           "io_uring_enter and io_uring_register in the container's seccomp profile "
           "(packaging/seccomp.json)";
  }
  if (error == ENOSYS) {
    return refused + "kernel " + kernel_release() + " is built without it; use Linux 6.1 or newer";
  }
  if (error == ENOMEM) {
    return refused + "no memory for the rings; raise LimitMEMLOCK (ulimit -l) or free memory";
  }
  if (error == EMFILE || error == ENFILE) {
    return refused + "no descriptors left; raise LimitNOFILE (ulimit -n)";
  }
  return refused + "kernel " + kernel_release() + "; Sluice needs Linux 6.1 or newer";
}

}  // namespace sluice::uring
