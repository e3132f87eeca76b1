// An operation the kernel may be working on, bound to a member function of its owner.
//
//   class Session {
//     void on_connected(uring::Outcome outcome) noexcept;
//     void settle() noexcept;
//     uring::Op<&Session::on_connected> connect_{*this};
//   };
//
// The user_data of a submission is the address of its Completion. From submission until the last
// completion (the one without IORING_CQE_F_MORE) the Op is in flight: neither it nor its owner may
// be moved or freed, and its destructor asserts that. Cancelling is a request: a cancelled
// operation still completes.
//
// After each handler the dispatcher calls the owner's `settle()`: the one place where an owner
// looks at what all its operations have come to and may end its own life. Nothing touches the Op or
// the owner after that.
//
// Thread: the one that owns the ring.
#pragma once

#include <cstdint>

#include "base/assert.h"

namespace sluice::uring {

/// What a completion queue entry says (io_uring_enter(2)): `result` is the system call's value or
/// -errno.
struct Outcome {
  std::int32_t result;
  std::uint32_t flags;

  [[nodiscard]] bool has_more() const noexcept;
  [[nodiscard]] bool has_buffer() const noexcept;
  /// A multishot receive found more to read behind this (IORING_CQE_F_SOCK_NONEMPTY): its next
  /// completion, which as a rule is ready as well.
  [[nodiscard]] bool has_next() const noexcept;
  [[nodiscard]] std::uint16_t buffer() const noexcept;
};

class Completion {
 public:
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  [[nodiscard]] bool is_in_flight() const noexcept { return in_flight_; }

  /// The ring calls this with every completion queue entry that carries this object's address.
  void complete(Outcome outcome) noexcept { handler_(*this, outcome); }

 protected:
  using Handler = void (*)(Completion&, Outcome) noexcept;
  explicit Completion(Handler handler) noexcept : handler_(handler) {}
  ~Completion() { SLUICE_ASSERT(!in_flight_); }

  void mark_arrival(Outcome outcome) noexcept {
    SLUICE_ASSERT(in_flight_);
    in_flight_ = outcome.has_more();
  }

 private:
  friend class Ring;
  Handler handler_;
  bool in_flight_ = false;
};

template <auto Method>
class Op;

template <typename Owner, void (Owner::*Method)(Outcome) noexcept>
class Op<Method> final : public Completion {
 public:
  explicit Op(Owner& owner) noexcept : Completion(&Op::arrive), owner_(owner) {}

 private:
  static void arrive(Completion& self, Outcome outcome) noexcept {
    auto& op = static_cast<Op&>(self);
    Owner& owner = op.owner_;
    op.mark_arrival(outcome);
    (owner.*Method)(outcome);
    owner.settle();
  }

  Owner& owner_;
};

}  // namespace sluice::uring
