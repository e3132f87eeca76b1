// A doubly linked list whose links live inside the elements: no allocation, removal in constant
// time from the element itself.
//
// An element is in at most one list per hook and unlinks itself when it is destroyed. Not thread
// safe: one owner thread.
#pragma once

#include "base/assert.h"

namespace sluice::base {

/// The links of one element. Inherit from it, with a tag when an element is in several lists.
template <typename Tag = void>
class ListHook {
 public:
  ListHook() noexcept = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  [[nodiscard]] bool is_linked() const noexcept { return next_ != nullptr; }

  /// Leaves the list it is in; nothing happens when it is in none.
  void unlink() noexcept {
    if (!is_linked()) return;
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename T, typename AnyTag>
  friend class IntrusiveList;

  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

template <typename T, typename Tag = void>
class IntrusiveList {
 public:
  IntrusiveList() noexcept { head_.next_ = head_.previous_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!is_empty()) pop_front();
    head_.next_ = head_.previous_ = nullptr;
  }

  [[nodiscard]] bool is_empty() const noexcept { return head_.next_ == &head_; }

  void push_back(T& element) noexcept {
    ListHook<Tag>& hook = element;
    SLUICE_ASSERT(!hook.is_linked());
    hook.previous_ = head_.previous_;
    hook.next_ = &head_;
    head_.previous_->next_ = &hook;
    head_.previous_ = &hook;
  }

  [[nodiscard]] T& front() noexcept {
    SLUICE_ASSERT(!is_empty());
    return static_cast<T&>(*head_.next_);
  }

  T& pop_front() noexcept {
    T& element = front();
    static_cast<ListHook<Tag>&>(element).unlink();
    return element;
  }

  /// The element after this one, null at the end.
  [[nodiscard]] T* next(T& element) noexcept {
    ListHook<Tag>* following = static_cast<ListHook<Tag>&>(element).next_;
    return following == &head_ ? nullptr : &static_cast<T&>(*following);
  }

  /// Moves every element of the other list behind those of this one, in their order.
  void splice_back(IntrusiveList& other) noexcept {
    if (other.is_empty()) return;
    ListHook<Tag>* first = other.head_.next_;
    ListHook<Tag>* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

  /// Calls `visit(T&)` for each element in order; the visited element may unlink or destroy itself,
  /// but no other.
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto* hook = head_.next_; hook != &head_;) {
      auto* following = hook->next_;
      visit(static_cast<T&>(*hook));
      hook = following;
    }
  }

 private:
  ListHook<Tag> head_;
};

}  // namespace sluice::base
