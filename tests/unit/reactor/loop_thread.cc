#include "loop_thread.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace sluice::reactor {
namespace {

class TaskLetter final : public Letter {
 public:
  TaskLetter(const std::function<void()>& task, std::promise<void> done)
      : task_(task), done_(std::move(done)) {}

  void deliver() noexcept override {
    task_();
    done_.set_value();
  }

 private:
  const std::function<void()>& task_;  ///< of who waits
  std::promise<void> done_;
};

}  // namespace

void run_there(Mailbox& mailbox, const std::function<void()>& task) {
  std::promise<void> promise;
  auto done = promise.get_future();
  mailbox.post(std::make_unique<TaskLetter>(task, std::move(promise)));
  if (done.wait_for(kPatience) != std::future_status::ready) {
    std::fputs("the loop's thread hangs\n", stderr);
    std::abort();
  }
}

bool becomes_true_there(Mailbox& mailbox, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  bool holds = false;
  while (true) {
    run_there(mailbox, [&] { holds = condition(); });
    if (holds || std::chrono::steady_clock::now() > deadline) return holds;
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
}

}  // namespace sluice::reactor
