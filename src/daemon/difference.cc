#include "daemon/difference.h"

#include <cstddef>
#include <map>
#include <vector>

namespace sluice::daemon {
namespace {

struct Changes {
  std::size_t added = 0;
  std::size_t changed = 0;
  std::size_t removed = 0;
};

template <typename Item>
void compare(const std::vector<Item>& before, const std::vector<Item>& after, Changes& changes) {
  std::map<std::string, const Item*> known;
  for (const Item& item : before) known[item.name] = &item;
  for (const Item& item : after) {
    const auto found = known.find(item.name);
    if (found == known.end()) {
      ++changes.added;
      continue;
    }
    if (!(*found->second == item)) ++changes.changed;
    known.erase(found);
  }
  changes.removed += known.size();
}

/// A backend without its servers, which are counted by themselves.
std::vector<BackendConfig> without_servers(std::vector<BackendConfig> backends) {
  for (BackendConfig& backend : backends) backend.servers.clear();
  return backends;
}

Changes compare_servers(const std::vector<BackendConfig>& before,
                        const std::vector<BackendConfig>& after) {
  static const std::vector<ServerConfig> nothing;
  Changes changes;
  std::map<std::string, const BackendConfig*> known;
  for (const BackendConfig& backend : before) known[backend.name] = &backend;
  for (const BackendConfig& backend : after) {
    const auto found = known.find(backend.name);
    const bool is_new = found == known.end();
    compare(is_new ? nothing : found->second->servers, backend.servers, changes);
    if (!is_new) known.erase(found);
  }
  for (const auto& [name, backend] : known) changes.removed += backend->servers.size();
  return changes;
}

void append(std::string& line, char sign, std::size_t count, const std::string& noun) {
  if (count == 0) return;
  if (!line.empty()) line += ", ";
  line += sign + std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

void append(std::string& line, const Changes& changes, const std::string& noun) {
  append(line, '+', changes.added, noun);
  append(line, '~', changes.changed, noun);
  append(line, '-', changes.removed, noun);
}

/// Everything that is not a list of named things.
bool is_global_equal(const Config& before, const Config& after) {
  return before.workers == after.workers && before.stop_timeout == after.stop_timeout &&
         before.splice == after.splice && before.ktls == after.ktls && before.log == after.log &&
         before.admin == after.admin && before.watch == after.watch;
}

}  // namespace

std::string describe_difference(const Config& before, const Config& after) {
  std::string line;
  Changes frontends;
  Changes backends;
  Changes certificates;
  Changes bundles;
  compare(before.frontends, after.frontends, frontends);
  compare(without_servers(before.backends), without_servers(after.backends), backends);
  compare(before.certificates, after.certificates, certificates);
  compare(before.ca_bundles, after.ca_bundles, bundles);
  append(line, compare_servers(before.backends, after.backends), "server");
  append(line, frontends, "frontend");
  append(line, backends, "backend");
  append(line, certificates, "certificate");
  append(line, bundles, "CA bundle");
  if (!is_global_equal(before, after)) line += line.empty() ? "~settings" : ", ~settings";
  return line.empty() ? "no change" : line;
}

}  // namespace sluice::daemon
