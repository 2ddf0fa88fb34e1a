// extension_values reads the contents of the extensions of RFC 5280. Internal
// to lib/x509. Every function takes the whole content of an OCTET STRING and
// returns false if it is not the strict DER of its production.
#ifndef BIRTHMARK_LIB_X509_EXTENSION_VALUES_H_
#define BIRTHMARK_LIB_X509_EXTENSION_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/x509/extension.h"
#include "lib/x509/oid.h"

namespace birthmark::x509::internal {

// KeyUsage ::= BIT STRING (named bits: no trailing zero bits; never empty)
bool ParseKeyUsage(absl::string_view value, uint16_t* bits);

// BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE,
//                                 pathLenConstraint INTEGER (0..MAX) OPTIONAL }
bool ParseBasicConstraints(absl::string_view value, BasicConstraints* out);

// ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId
bool ParseExtendedKeyUsage(absl::string_view value, std::vector<Oid>* out);

// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0], ... }. The key
// identifier may be absent.
bool ParseAuthorityKeyId(absl::string_view value,
                         std::optional<std::string>* key_id);

// SubjectKeyIdentifier ::= OCTET STRING, not empty
bool ParseSubjectKeyId(absl::string_view value, std::string* key_id);

// CRLDistributionPoints, FreshestCRL: the URIs of every fullName.
bool ParseCrlDistributionPoints(absl::string_view value,
                                std::vector<std::string>* uris);

// IsNull says whether `value` is one NULL.
bool IsNull(absl::string_view value);

// AuthorityInfoAccessSyntax: the URIs of caIssuers and ocsp.
bool ParseAuthorityInfoAccess(absl::string_view value,
                              std::vector<std::string>* ca_issuers,
                              std::vector<std::string>* ocsp);

// CertificatePolicies: the policy identifiers; qualifiers are skipped.
bool ParseCertificatePolicies(absl::string_view value,
                              std::vector<Oid>* policies);

// IssuingDistributionPoint ::= SEQUENCE { ... }. `partial` is set if the CRL
// is limited in any other way than by its distribution point's name.
bool ParseIssuingDistributionPoint(absl::string_view value,
                                   std::vector<std::string>* uris,
                                   bool* partial);

}  // namespace birthmark::x509::internal

#endif  // BIRTHMARK_LIB_X509_EXTENSION_VALUES_H_
