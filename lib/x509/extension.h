// extension holds the small types that certificates, requests, templates and
// lints share.
#ifndef BIRTHMARK_LIB_X509_EXTENSION_H_
#define BIRTHMARK_LIB_X509_EXTENSION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lib/x509/oid.h"

namespace birthmark::x509 {

// Extension is one extension as it stands: `value` is the content of its
// OCTET STRING.
struct Extension {
  Oid oid;
  bool critical = false;
  std::string value;
};

// KeyUsage bits (RFC 5280 4.2.1.3). Bit n of the BIT STRING is 1 << n.
enum KeyUsageBit : uint16_t {
  kKeyUsageDigitalSignature = 1 << 0,
  kKeyUsageContentCommitment = 1 << 1,
  kKeyUsageKeyEncipherment = 1 << 2,
  kKeyUsageDataEncipherment = 1 << 3,
  kKeyUsageKeyAgreement = 1 << 4,
  kKeyUsageKeyCertSign = 1 << 5,
  kKeyUsageCrlSign = 1 << 6,
  kKeyUsageEncipherOnly = 1 << 7,
  kKeyUsageDecipherOnly = 1 << 8,
};

// BasicConstraints of RFC 5280 4.2.1.9.
struct BasicConstraints {
  bool is_ca = false;
  std::optional<int> path_length;
};

// RevocationReason is CRLReason of RFC 5280 5.3.1; the values are on the wire.
enum class RevocationReason {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kRemoveFromCrl = 8,
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_EXTENSION_H_
