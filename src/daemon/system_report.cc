#include "daemon/system_report.h"

#include <openssl/crypto.h>
#include <sys/utsname.h>

#include <algorithm>

#include "sluice/version.h"
#include "sys/pipe.h"
#include "uring/feature_probe.h"

namespace sluice::daemon {
namespace {

#ifdef __clang__
constexpr const char* kCompiler = __VERSION__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

constexpr std::size_t kWantedPipe = std::size_t{1024} * 1024;

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + ' ' + name.release + ' ' + name.machine;
}

std::string line(const std::string& name, bool is_available, const std::string& reason) {
  std::string text = "  " + name;
  text.append(text.size() < 44 ? 44 - text.size() : 1, ' ');
  text += is_available ? "yes" : "no: " + reason;
  return text + '\n';
}

/// One line where everything is off for one reason, else one for each that is off.
void append_missing_ktls(const tls::KtlsReport& report, std::vector<std::string>& missing) {
  const auto& parts = report.parts;
  const bool is_one_reason = std::all_of(parts.begin(), parts.end(), [&](const auto& each) {
    return !each.is_available && each.reason == parts.front().reason;
  });
  if (is_one_reason) {
    missing.push_back("kTLS: " + parts.front().reason);
    return;
  }
  const auto append = [&missing](const tls::KtlsSupport& each) {
    if (!each.is_available) missing.push_back("kTLS " + each.name + ": " + each.reason);
  };
  std::for_each(parts.begin(), parts.end(), append);
  append(report.key_update);
}

/// Why pipes are narrower than wanted; empty where they are not.
std::string pipe_shortcoming() {
  const sys::Pipe pipe = sys::Pipe::open(kWantedPipe);
  if (!pipe.is_open()) return "no pipe of 64 KiB to be had (fs.pipe-user-pages-soft)";
  if (pipe.capacity() >= kWantedPipe) return "";
  return "pipes get " + std::to_string(pipe.capacity() / 1024) +
         " KiB only (fs.pipe-max-size, fs.pipe-user-pages-soft)";
}

}  // namespace

std::string version_report() {
  std::string text = std::string("sluice ") + kVersion + '\n';
  text += std::string("built with ") + kCompiler + ", ";
  text += std::string(OpenSSL_version(OPENSSL_VERSION)) + '\n';
  text += "kernel " + kernel() + "\n\nio_uring\n";
  if (const auto features = uring::probe_features()) {
    for (const uring::Feature& each : *features) {
      text += line(each.name, each.is_available, each.reason);
    }
  } else {
    text += line("io_uring", false, features.error().text);
  }
  const std::string shortcoming = pipe_shortcoming();
  text += "\nsplice\n" + line("splice(2) through pipes of 1 MiB", shortcoming.empty(), shortcoming);
  text += "\nkernel TLS\n";
  const tls::KtlsReport ktls = tls::probe_ktls();
  for (const tls::KtlsSupport& each : ktls.parts) {
    text += line(each.name, each.is_available, each.reason);
  }
  text += line(ktls.key_update.name, ktls.key_update.is_available, ktls.key_update.reason);
  return text;
}

std::vector<std::string> missing_features(const tls::KtlsReport& ktls) {
  std::vector<std::string> missing;
  if (const auto features = uring::probe_features()) {
    for (const uring::Feature& each : *features) {
      if (!each.is_available) missing.push_back("io_uring " + each.name + ": " + each.reason);
    }
  }
  if (const std::string reason = pipe_shortcoming(); !reason.empty()) {
    missing.push_back("splice: " + reason);
  }
  append_missing_ktls(ktls, missing);
  return missing;
}

Result<void> check_requirements() {
  const auto features = uring::probe_features();
  if (!features) return tl::unexpected(features.error());
  const auto lacking = std::find_if(features->begin(), features->end(), [](const auto& each) {
    return each.is_required && !each.is_available;
  });
  if (lacking == features->end()) return {};
  return fail("this kernel's io_uring lacks " + lacking->name + ": " + lacking->reason +
              "; Sluice needs Linux 6.1 or newer");
}

}  // namespace sluice::daemon
