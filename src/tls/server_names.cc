#include "tls/server_names.h"

namespace sluice::tls {

std::string normal_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string out(name);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

void ServerNames::add(std::string_view pattern, std::uint32_t entry) {
  const std::string name = normal_name(pattern);
  if (name.starts_with("*.")) {
    wildcard_.try_emplace(name.substr(2), entry);
  } else {
    exact_.try_emplace(name, entry);
  }
}

std::optional<std::uint32_t> ServerNames::find(std::string_view name) const {
  const std::string wanted = normal_name(name);
  if (const auto found = exact_.find(wanted); found != exact_.end()) return found->second;
  const std::size_t dot = wanted.find('.');
  if (dot == std::string::npos || dot == 0) return std::nullopt;
  const auto found = wildcard_.find(std::string_view(wanted).substr(dot + 1));
  if (found == wildcard_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sluice::tls
