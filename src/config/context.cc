#include "config/context.h"

#include <utility>

namespace sluice::config {

std::string to_text(const std::vector<PathStep>& path) {
  std::string out;
  for (const PathStep& step : path) {
    if (step.key.empty()) {
      out += '[' + std::to_string(step.index) + ']';
    } else {
      if (!out.empty()) out += '.';
      out += step.key;
    }
  }
  return out;
}

void Context::error(Offset offset, std::string text) {
  report_.error(offset, to_text(path_), std::move(text));
}

bool Context::drop_if_full() {
  if (!report_.is_full()) return false;
  report_.drop_error();
  return true;
}

std::string Context::resolve(const std::string& path) const {
  return (base_directory_ / path).lexically_normal().string();
}

}  // namespace sluice::config
