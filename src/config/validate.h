// Rules about a configuration that no single value can break: names, references, combinations.
#pragma once

#include "config/checker.h"

namespace sluice::config {

/// Runs every check. The configuration may be incomplete (values that did not decode have their
/// defaults): nothing is reported that only follows from such a gap. Touches no file.
void validate(Checker& checker);

/// The frontends that reach each backend, by index, through their default backend or a route.
[[nodiscard]] std::vector<std::vector<std::size_t>> frontends_of_backends(const Config& config);

/// Defaults that depend on other entries: backends that only udp frontends reach try a server even
/// when all are down, and are not checked.
void apply_dependent_defaults(Config& config, const Locator& locator);

}  // namespace sluice::config
