#include "proxy/waiting_room.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice::proxy {

using balance::WaitLine;

std::list<WaitingRoom::Group>::iterator WaitingRoom::find(const WaitLine* line) noexcept {
  return std::find_if(groups_.begin(), groups_.end(),
                      [line](const Group& each) { return &each.line == line; });
}

bool WaitingRoom::is_waiting(const WaitLine& line) const noexcept {
  return std::any_of(groups_.begin(), groups_.end(),
                     [&line](const Group& each) { return &each.line == &line; });
}

void WaitingRoom::enter(Waiter& waiter, WaitLine& line, std::uint64_t ticket) {
  SLUICE_ASSERT(waiter.line_ == nullptr);
  auto group = find(&line);
  if (group == groups_.end()) group = groups_.emplace(groups_.end(), line);
  waiter.line_ = &line;
  waiter.ticket_ = ticket;
  if (ticket > group->latest) {
    group->latest = ticket;
    group->waiters.push_back(waiter);
  } else {
    insert(*group, waiter);
  }
  line.enter();
  line.set_oldest(worker_, group->waiters.front().ticket_);
}

/// For one who has changed lines and brings an old ticket along.
void WaitingRoom::insert(Group& group, Waiter& waiter) noexcept {
  base::IntrusiveList<Waiter> later;
  group.waiters.for_each([&](Waiter& each) {
    if (each.ticket_ < waiter.ticket_) return;
    each.unlink();
    later.push_back(each);
  });
  group.waiters.push_back(waiter);
  group.waiters.splice_back(later);
}

void WaitingRoom::leave(Waiter& waiter) noexcept {
  WaitLine& line = *waiter.line_;
  const auto group = find(&line);
  SLUICE_ASSERT(group != groups_.end());
  waiter.unlink();
  waiter.line_ = nullptr;
  const bool is_last = group->waiters.is_empty();
  line.set_oldest(worker_, is_last ? WaitLine::kNobody : group->waiters.front().ticket_);
  line.leave();
  if (is_last) groups_.erase(group);
}

void WaitingRoom::call(WaitLine& line, std::uint64_t after) noexcept {
  const auto head = line.oldest(after);
  if (!head) return;
  if (head->worker == worker_) return on_call(&line, after);
  if (messenger_ != nullptr) messenger_->call(head->worker, line, after);
}

void WaitingRoom::on_call(const WaitLine* line, std::uint64_t after) {
  const bool is_known = std::any_of(due_.begin(), due_.end(), [&](const Call& each) {
    return each.line == line && each.after == after;
  });
  if (!is_known) due_.push_back({line, after});
}

void WaitingRoom::review() {
  for (const Group& group : groups_) on_call(&group.line, 0);
}

void WaitingRoom::end_turn() noexcept {
  // Those who are asked may call others, who are asked in the same turn.
  while (!due_.empty()) {
    const Call due = due_.front();
    due_.erase(due_.begin());
    serve(due);
  }
}

void WaitingRoom::serve(Call due) noexcept {
  for (;;) {
    const auto group = find(due.line);
    if (group == groups_.end()) return;
    const std::uint64_t first_here = group->waiters.front().ticket_;
    const auto head = group->line.oldest(due.after);
    if (head && head->worker != worker_ && head->ticket < first_here) {
      return call(group->line, due.after);
    }
    switch (ask(*group, due.after)) {
      case Served::kOne:
        break;  // what it has left behind may do for the next one here
      case Served::kNobody:
        return;
      case Served::kPassedOver:
        return call(group->line, first_here);
    }
  }
}

WaitingRoom::Served WaitingRoom::ask(Group& group, std::uint64_t after) noexcept {
  std::uint64_t priority = after == 0 ? WaitLine::kNewcomer : after;
  for (Waiter* each = &group.waiters.front(); each != nullptr; each = group.waiters.next(*each)) {
    priority = std::min(priority, each->ticket_);
    switch (each->on_turn(priority)) {
      case Waiter::Answer::kGone:
        return Served::kOne;
      case Waiter::Answer::kNoRoom:
        return Served::kNobody;
      case Waiter::Answer::kOutdated:
        break;
    }
  }
  return Served::kPassedOver;
}

}  // namespace sluice::proxy
