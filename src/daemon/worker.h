// One worker as the control thread holds it: starts the thread, sends it letters, joins it.
//
// The thread makes its own ring (a ring belongs to the thread that submits to it) and everything
// that uses it; `start()` waits until that has worked or failed. Control thread only.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>

#include "daemon/worker_loop.h"
#include "sluice/error.h"

namespace sluice::daemon {

/// Anything to be done on the worker's thread.
template <typename Task>
class TaskLetter final : public reactor::Letter {
 public:
  TaskLetter(WorkerLoop& loop, Task task) : loop_(loop), task_(std::move(task)) {}
  void deliver() noexcept override { task_(loop_); }

 private:
  WorkerLoop& loop_;
  Task task_;
};

class Worker {
 public:
  struct Settings {
    std::uint32_t worker = 0;
    std::optional<int> cpu;  ///< to be pinned to
    std::size_t pipe_limit = 0;
  };

  /// Starts the thread. Error where the kernel refuses the ring, buffers or descriptors.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> start(const Settings& settings,
                                                             WorkerEvents& events);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Ends the loop, which must be drained, and joins the thread.
  ~Worker();

  /// Runs `task(WorkerLoop&)` on the worker's thread, after those posted before it.
  template <typename Task>
  void post(Task task) {
    loop_->mailbox().post(std::make_unique<TaskLetter<Task>>(*loop_, std::move(task)));
  }

  /// For its numbers and its log; everything else goes by `post()`.
  [[nodiscard]] WorkerLoop& loop() noexcept { return *loop_; }
  /// The CPU it is pinned to, -1 where that was not wanted or refused.
  [[nodiscard]] int cpu() const noexcept { return cpu_; }

 private:
  struct Started {
    WorkerLoop* loop = nullptr;
    int cpu = -1;
  };

  Worker() = default;
  void run(const Settings& settings, WorkerEvents& events, std::promise<Result<Started>>& started);

  std::thread thread_;
  std::binary_semaphore may_end_{0};  ///< nobody will touch the loop any more
  WorkerLoop* loop_ = nullptr;
  int cpu_ = -1;
};

}  // namespace sluice::daemon
