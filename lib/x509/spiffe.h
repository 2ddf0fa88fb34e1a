// SpiffeId is a SPIFFE ID of one of the five kinds that this system issues:
//   spiffe://<trust domain>/service/<role>
//   spiffe://<trust domain>/operator/<name>
//   spiffe://<trust domain>/enforcement-point/<name>
//   spiffe://<trust domain>/fleet/<fleet>/line/<line>
//   spiffe://<trust domain>/fleet/<fleet>/device/<uid>
#ifndef BIRTHMARK_LIB_X509_SPIFFE_H_
#define BIRTHMARK_LIB_X509_SPIFFE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::x509 {

enum class SpiffeKind {
  kService,
  kOperator,
  kLine,
  kDevice,
  // A broker or gateway that lets devices in.
  kEnforcementPoint,
};

// SpiffeId is a value type.
struct SpiffeId {
  std::string trust_domain;
  SpiffeKind kind = SpiffeKind::kService;
  std::string fleet;  // kLine and kDevice only
  std::string name;   // role, operator, line, device uid, enforcement point

  // Parse reads the URI form, strictly by the SPIFFE-ID standard: lower-case
  // scheme and trust domain, no port, user, query, fragment, percent sign,
  // empty or dot segment, at most 2048 octets; and only the five kinds.
  // kInvalidArgument / SPIFFE_ID_INVALID.
  static absl::StatusOr<SpiffeId> Parse(absl::string_view uri);

  // ToUri returns the URI. kInvalidArgument / SPIFFE_ID_INVALID if a field has
  // characters that do not belong there.
  absl::StatusOr<std::string> ToUri() const;

  friend bool operator==(const SpiffeId& a, const SpiffeId& b) {
    return a.trust_domain == b.trust_domain && a.kind == b.kind &&
           a.fleet == b.fleet && a.name == b.name;
  }
};

// ValidateTrustDomain says whether `name` may be a trust domain: 1 to 255 of
// a-z 0-9 . - _. kInvalidArgument / SPIFFE_ID_INVALID.
absl::Status ValidateTrustDomain(absl::string_view name);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_SPIFFE_H_
