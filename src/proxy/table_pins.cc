#include "proxy/table_pins.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice::proxy {

void TablePins::swap(RouteTable& table) {
  TablePin* before = current();
  pins_.push_back({&table, 0});
  if (before != nullptr && before->sessions == 0) give_back(*before);
}

void TablePins::session_began(TablePin& pin) noexcept {
  ++pin.sessions;
  pin.table->sessions().fetch_add(1, std::memory_order_relaxed);
}

void TablePins::session_ended(TablePin& pin) noexcept {
  SLUICE_ASSERT(pin.sessions > 0);
  --pin.sessions;
  pin.table->sessions().fetch_sub(1, std::memory_order_relaxed);
  if (pin.sessions == 0 && &pin != current()) give_back(pin);
}

void TablePins::give_back(TablePin& pin) noexcept {
  const auto place =
      std::find_if(pins_.begin(), pins_.end(), [&](const TablePin& each) { return &each == &pin; });
  SLUICE_ASSERT(place != pins_.end());
  RouteTable& table = *pin.table;
  pins_.erase(place);
  receiver_.on_table_returned(table);
}

}  // namespace sluice::proxy
