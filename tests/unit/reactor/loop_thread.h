// A reactor with what a test puts around it, on a thread of its own, as a worker has it.
//
// `Parts` is made on that thread from a fresh ring; it has a member `reactor` and a method
// `on_turn_end()`. The test's thread runs tasks there with `run()` and looks at what only the loop
// may touch with `wait_until()`. Without io_uring the constructor throws what refuses it.
#pragma once

#include <sys/eventfd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include "reactor/reactor.h"
#include "sys/fd.h"
#include "uring/ring.h"

namespace sluice::reactor {

/// No condition of a test takes longer than this, whatever else the machine does.
inline constexpr std::chrono::seconds kPatience{30};

template <typename Task>
class TaskLetter final : public Letter {
 public:
  explicit TaskLetter(Task task) : task_(std::move(task)) {}
  void deliver() noexcept override { task_(); }

 private:
  Task task_;
};

template <typename Parts>
class LoopThread final : private TurnEnd {
 public:
  /// `args` go to the constructor of Parts, behind the ring.
  template <typename... Args>
  explicit LoopThread(Args... args) {
    std::promise<void> ready;
    auto outcome = ready.get_future();
    thread_ = std::thread([this, &ready, args...] { work(ready, args...); });
    try {
      outcome.get();
    } catch (...) {
      thread_.join();
      throw;
    }
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() {
    if (thread_.joinable()) stop();
  }

  /// Ends the loop and destroys the parts.
  void stop() {
    run([this] { parts_->reactor.stop(); });
    may_end_.release();
    thread_.join();
  }

  /// Runs `task`, which does not throw, on the loop's thread, waits for it and gives what it gave.
  template <typename Task>
  auto run(Task task) -> std::invoke_result_t<Task> {
    using Value = std::invoke_result_t<Task>;
    std::promise<Value> promise;
    auto outcome = promise.get_future();
    auto deliver = [task = std::move(task), promise = std::move(promise)]() mutable {
      if constexpr (std::is_void_v<Value>) {
        task();
        promise.set_value();
      } else {
        promise.set_value(task());
      }
    };
    parts_->reactor.mailbox().post(
        std::make_unique<TaskLetter<decltype(deliver)>>(std::move(deliver)));
    if (outcome.wait_for(kPatience) != std::future_status::ready) {
      std::fputs("the loop's thread hangs\n", stderr);
      std::abort();
    }
    return outcome.get();
  }

  /// Looks on the loop's thread until `condition()` holds; false when it never did.
  template <typename Condition>
  [[nodiscard]] bool wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!run(condition)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    return true;
  }

  /// The loop's thread only, but for what the parts share with any thread.
  [[nodiscard]] Parts& parts() noexcept { return *parts_; }

 private:
  template <typename... Args>
  void work(std::promise<void>& ready, Args... args) {
    auto ring = uring::Ring::create();
    if (!ring) {
      return ready.set_exception(std::make_exception_ptr(std::runtime_error(ring.error().text)));
    }
    try {
      parts_.emplace(std::move(*ring), std::move(args)...);
    } catch (...) {
      return ready.set_exception(std::current_exception());
    }
    ready.set_value();
    parts_->reactor.run(*this);
    may_end_.acquire();  // the letter that ended the loop may still be on its way out of post()
    parts_.reset();
  }

  void on_turn_end() noexcept override { parts_->on_turn_end(); }

  std::optional<Parts> parts_;
  std::thread thread_;
  std::binary_semaphore may_end_{0};
};

[[nodiscard]] inline sys::Fd make_wake() {
  sys::Fd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.is_open()) throw std::runtime_error("no eventfd");
  return wake;
}

}  // namespace sluice::reactor
