// `sluice --check --config FILE` and nothing else, for the golden tests of the configuration.
#include <iostream>
#include <string_view>

#include "daemon/check.h"

int main(int count, char** words) {
  if (count != 4 || std::string_view(words[1]) != "--check" ||
      std::string_view(words[2]) != "--config") {
    std::cerr << "usage: check --check --config FILE\n";
    return static_cast<int>(sluice::ExitCode::kUsage);
  }
  return static_cast<int>(sluice::daemon::check_file(words[3], std::cerr));
}
