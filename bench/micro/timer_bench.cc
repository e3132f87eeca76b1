// The timer wheel: every session moves its idle timer, and few timers ever fire.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "reactor/timer_wheel.h"

namespace {

using sluice::base::Clock;
using sluice::base::TimePoint;
using sluice::reactor::Timer;
using sluice::reactor::TimerWheel;

struct Owner {
  void on_timer() noexcept { ++fired; }
  void settle() noexcept {}

  std::uint64_t fired = 0;
  Timer<&Owner::on_timer> timer{*this};
};

std::vector<std::unique_ptr<Owner>> owners_of(std::int64_t count) {
  std::vector<std::unique_ptr<Owner>> owners;
  for (std::int64_t n = 0; n < count; ++n) owners.push_back(std::make_unique<Owner>());
  return owners;
}

// Moves one armed timer after the other, as traffic on sessions with an hour of idle time does.
void move_armed(benchmark::State& state) {
  const TimePoint start = Clock::now();
  TimerWheel wheel(start);
  const auto owners = owners_of(state.range(0));
  for (const auto& owner : owners) wheel.arm(owner->timer, start + std::chrono::hours(1));
  std::size_t next = 0;
  while (state.KeepRunning()) {
    wheel.arm(owners[next]->timer, start + std::chrono::hours(1));
    if (++next == owners.size()) next = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// One millisecond of a wheel whose timers, spread over a minute, fire and are armed again.
void advance_and_fire(benchmark::State& state) {
  TimePoint time = Clock::now();
  TimerWheel wheel(time);
  const auto owners = owners_of(state.range(0));
  constexpr int kSpreadMs = 60'000;
  for (std::size_t n = 0; n < owners.size(); ++n) {
    wheel.arm(owners[n]->timer, time + std::chrono::milliseconds(1 + n * 7919 % kSpreadMs));
  }
  std::uint64_t fired = 0;
  while (state.KeepRunning()) {
    time += std::chrono::milliseconds(1);
    wheel.advance(time);
    state.PauseTiming();
    for (const auto& owner : owners) {
      if (owner->timer.is_armed()) continue;
      ++fired;
      wheel.arm(owner->timer, time + std::chrono::milliseconds(kSpreadMs));
    }
    state.ResumeTiming();
  }
  state.counters["fired"] = benchmark::Counter(static_cast<double>(fired));
}

void ask_for_next(benchmark::State& state) {
  const TimePoint start = Clock::now();
  TimerWheel wheel(start);
  const auto owners = owners_of(state.range(0));
  for (const auto& owner : owners) wheel.arm(owner->timer, start + std::chrono::hours(1));
  while (state.KeepRunning()) benchmark::DoNotOptimize(wheel.next());
}

BENCHMARK(move_armed)->Arg(100)->Arg(10'000)->Arg(100'000);
BENCHMARK(advance_and_fire)->Arg(100)->Arg(1000)->Iterations(20'000);
BENCHMARK(ask_for_next)->Arg(10'000);

}  // namespace
