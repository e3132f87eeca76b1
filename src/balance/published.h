// One immutable value that the control thread replaces while workers read it, without a lock.
//
// A worker announces what it is about to read (a hazard pointer) and looks again whether that is
// still the current value; a replaced value is freed by the next publish() that finds nobody
// reading it. So at most one value for each worker is kept beyond the current one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::balance {

template <typename T>
class Published {
 public:
  explicit Published(std::size_t workers) : readers_(workers) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  /// Keeps the value from being freed while it lives; of one worker, one at a time.
  class Reading {
   public:
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { announced_.store(nullptr, std::memory_order_release); }
    [[nodiscard]] const T* get() const noexcept { return value_; }

   private:
    friend class Published;
    Reading(std::atomic<const T*>& announced, const std::atomic<const T*>& current) noexcept
        : announced_(announced), value_(current.load(std::memory_order_acquire)) {
      while (true) {
        announced_.store(value_, std::memory_order_seq_cst);
        const T* now = current.load(std::memory_order_seq_cst);
        if (now == value_) return;
        value_ = now;
      }
    }

    std::atomic<const T*>& announced_;
    const T* value_;
  };

  /// The current value, null before the first. Worker `worker` only.
  [[nodiscard]] Reading read(std::uint32_t worker) const noexcept {
    return Reading(readers_[worker].announced, current_);
  }

  /// Control thread.
  void publish(std::unique_ptr<const T> next) {
    current_.store(next.get(), std::memory_order_seq_cst);
    values_.push_back(std::move(next));
    std::erase_if(values_, [this](const auto& value) { return !is_needed(value.get()); });
  }

 private:
  struct alignas(64) Reader {
    std::atomic<const T*> announced{nullptr};
  };

  [[nodiscard]] bool is_needed(const T* value) const noexcept {
    return value == current_.load(std::memory_order_relaxed) ||
           std::any_of(readers_.begin(), readers_.end(), [value](const Reader& reader) {
             return reader.announced.load(std::memory_order_seq_cst) == value;
           });
  }

  std::atomic<const T*> current_{nullptr};
  mutable std::vector<Reader> readers_;
  std::vector<std::unique_ptr<const T>> values_;  // control thread
};

}  // namespace sluice::balance
