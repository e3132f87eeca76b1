#include "sluice/error.h"

namespace sluice {

std::string Diagnostic::to_string() const {
  std::string out = file;
  if (line > 0) out += ':' + std::to_string(line) + ':' + std::to_string(column);
  out += severity == Severity::kError ? ": error: " : ": notice: ";
  if (!key_path.empty()) out += key_path + ": ";
  return out + text;
}

}  // namespace sluice
