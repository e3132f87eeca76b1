// Letters from any thread to one reactor.
//
// Senders push onto a lock-free stack (Treiber) and wake the reactor through an eventfd(2) only
// when the stack was empty; the reactor takes the whole stack at once, so there is no ABA, and
// reads the letters in the order they were sent. A letter is owned by the mailbox between `post()`
// and its delivery. Two threads use this class: `post()` any, the rest the reactor's.
#pragma once

#include <atomic>
#include <memory>

#include "sys/fd.h"

namespace sluice::reactor {

/// Something to be done on the receiving thread. Allocated by the sender: letters are control
/// traffic, never per byte.
class Letter {
 public:
  Letter() = default;
  Letter(const Letter&) = delete;
  Letter& operator=(const Letter&) = delete;
  virtual ~Letter() = default;

  /// Runs on the receiver's thread, once; the letter is freed afterwards.
  virtual void deliver() noexcept = 0;

 private:
  friend class Mailbox;
  Letter* next_ = nullptr;
};

class Mailbox {
 public:
  /// `wake_fd` is the eventfd that the reactor waits on.
  explicit Mailbox(int wake_fd) noexcept : wake_fd_(wake_fd) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  /// Frees what was never delivered.
  ~Mailbox();

  void post(std::unique_ptr<Letter> letter) noexcept;

  /// Delivers everything posted so far, oldest first.
  void deliver_all() noexcept;

 private:
  Letter* take_all() noexcept;

  std::atomic<Letter*> newest_{nullptr};
  int wake_fd_;
};

}  // namespace sluice::reactor
