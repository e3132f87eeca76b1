// Whether the files behind `certificates` and `ca_bundles` are there and are what they should be.
#pragma once

#include <optional>
#include <string>

#include "config/checker.h"

namespace sluice::config {

/// Reads every certificate, key and bundle: PEM that parses, a key that belongs to its certificate.
/// A certificate out of its dates is a notice, because refusing it would not help anybody.
void check_certificates(Checker& checker);

/// What is wrong with a certificate file and its key; empty fields where nothing is.
struct CertificateProblems {
  std::string certificate;
  std::string key;
  std::string notice;  ///< about the certificate
};
[[nodiscard]] CertificateProblems inspect_certificate(const std::string& certificate_path,
                                                      const std::string& key_path);

/// What is wrong with a bundle of CA certificates, or nothing.
[[nodiscard]] std::optional<std::string> inspect_ca_bundle(const std::string& path);

}  // namespace sluice::config
