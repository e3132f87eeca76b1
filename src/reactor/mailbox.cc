#include "reactor/mailbox.h"

#include <sys/eventfd.h>

#include <utility>

namespace sluice::reactor {

Mailbox::~Mailbox() {
  for (Letter* letter = take_all(); letter != nullptr;) {
    delete std::exchange(letter, letter->next_);
  }
}

void Mailbox::post(std::unique_ptr<Letter> letter) noexcept {
  Letter* added = letter.release();
  Letter* before = newest_.load(std::memory_order_relaxed);
  do {
    added->next_ = before;
  } while (!newest_.compare_exchange_weak(before, added, std::memory_order_release,
                                          std::memory_order_relaxed));
  // Only the first letter wakes: the reactor reads the event before it takes the stack. A full
  // counter wakes as well.
  if (before == nullptr) static_cast<void>(::eventfd_write(wake_fd_, 1));
}

Letter* Mailbox::take_all() noexcept {
  Letter* newest = newest_.exchange(nullptr, std::memory_order_acquire);
  Letter* oldest = nullptr;
  while (newest != nullptr) {
    Letter* following = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = following;
  }
  return oldest;
}

void Mailbox::deliver_all() noexcept {
  for (Letter* letter = take_all(); letter != nullptr;) {
    const std::unique_ptr<Letter> current(std::exchange(letter, letter->next_));
    current->deliver();
  }
}

}  // namespace sluice::reactor
