// lint reads finished to-be-signed bytes and says which rules of RFC 5280 and
// IEEE 802.1AR they break. It shares no code with the builders but the DER
// reader, so that a builder's mistake is not repeated here. Every finding is
// an error: nothing that has one may be signed.
#ifndef BIRTHMARK_LIB_X509_LINT_H_
#define BIRTHMARK_LIB_X509_LINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace birthmark::x509 {

enum class LintKind {
  kRoot,
  kIssuer,
  kIdevid,
  kLdevid,
  kService,
  kLine,
  kOperator,
  kOcspResponder,
  kEnforcementPoint,
  kRecordSigner,
};

// LintProfile says what the bytes claim to be.
struct LintProfile {
  LintKind kind = LintKind::kIdevid;
  // The issuer's subject and subjectKeyIdentifier; empty: not compared. For
  // kRoot, issuer and subject are compared with each other.
  std::string issuer_name_der;
  std::string issuer_key_id;
};

struct Finding {
  // Stable, e.g. "rfc5280_serial_positive".
  absl::string_view rule;
  // For people, with the section that says so.
  std::string text;
};

// LintTbsCertificate returns what is wrong with a TBSCertificate; empty means
// that it may be signed. Bytes that do not parse give one finding,
// "der_malformed" with the place. Pure and thread-safe, a few microseconds.
std::vector<Finding> LintTbsCertificate(absl::string_view tbs,
                                        const LintProfile& profile);

// LintTbsCrl does the same for a TBSCertList. `profile.kind` is not used.
std::vector<Finding> LintTbsCrl(absl::string_view tbs,
                                const LintProfile& profile);

// LintStatus is OK for no findings, else kFailedPrecondition /
// PROFILE_VIOLATION with metadata rule (the first one's) and all texts.
absl::Status LintStatus(const std::vector<Finding>& findings);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_LINT_H_
