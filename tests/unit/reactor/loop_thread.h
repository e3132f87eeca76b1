// A reactor with what a test puts around it, on a thread of its own, as a worker has it.
//
// `Parts` is made on that thread from a fresh ring; it has a member `reactor` and a method
// `on_turn_end()`. The test's thread runs tasks there with `run()` and looks at what only the loop
// may touch with `wait_until()`. Without io_uring the constructor throws what refuses it.
#pragma once

#include <sys/eventfd.h>

#include <chrono>
#include <functional>
#include <future>
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

/// Runs `task`, which does not throw, on the thread of the mailbox's loop and waits for its end.
void run_there(Mailbox& mailbox, const std::function<void()>& task);

/// Looks there until `condition()` holds; false when it never did.
[[nodiscard]] bool becomes_true_there(Mailbox& mailbox, const std::function<bool()>& condition);

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
  auto run(Task task) {
    using Value = std::invoke_result_t<Task>;
    if constexpr (std::is_void_v<Value>) {
      run_there(parts_->reactor.mailbox(), std::ref(task));
    } else {
      std::optional<Value> value;
      run_there(parts_->reactor.mailbox(), [&] { value.emplace(task()); });
      return std::move(*value);
    }
  }

  /// Looks on the loop's thread until `condition()` holds; false when it never did.
  [[nodiscard]] bool wait_until(const std::function<bool()>& condition) {
    return becomes_true_there(parts_->reactor.mailbox(), condition);
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
