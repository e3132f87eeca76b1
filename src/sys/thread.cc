#include "sys/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cstdio>

namespace sluice::sys {

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

Pinning pin_this_thread(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0 ? Pinning::kPinned : Pinning::kRefused;
}

void block_signals_on_this_thread() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  static_cast<void>(::pthread_sigmask(SIG_BLOCK, &all, nullptr));
}

void name_this_thread(const char* name) noexcept {
  char cut[16];
  std::snprintf(cut, sizeof cut, "%s", name);
  static_cast<void>(::pthread_setname_np(::pthread_self(), cut));
}

}  // namespace sluice::sys
