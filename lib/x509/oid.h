// Oid is an ASN.1 OBJECT IDENTIFIER, kept as the content octets of its DER
// form. The constants below are those octets too, so that hot paths compare
// bytes and never text.
#ifndef BIRTHMARK_LIB_X509_OID_H_
#define BIRTHMARK_LIB_X509_OID_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::x509 {

// Oid is a value type. A default Oid is empty and valid nowhere.
class Oid {
 public:
  Oid() = default;
  // Oid wraps content octets that are known to be valid, such as the constants
  // below.
  explicit Oid(absl::string_view content) : content_(content) {}

  // FromText parses dotted decimal. kInvalidArgument / OID_MALFORMED.
  static absl::StatusOr<Oid> FromText(absl::string_view text);
  // FromContent checks content octets. kInvalidArgument / OID_MALFORMED.
  static absl::StatusOr<Oid> FromContent(absl::string_view content);

  // Text returns dotted decimal, or "" for an empty Oid.
  std::string Text() const;
  absl::string_view content() const { return content_; }
  bool empty() const { return content_.empty(); }

  friend bool operator==(const Oid& a, const Oid& b) {
    return a.content_ == b.content_;
  }
  friend bool operator==(const Oid& a, absl::string_view b) {
    return a.content_ == b;
  }
  friend bool operator<(const Oid& a, const Oid& b) {
    return a.content_ < b.content_;
  }

 private:
  std::string content_;
};

// oids are content octets of the identifiers that this library knows.
namespace oids {

// Attribute types (RFC 5280 Appendix A.1, RFC 4519, RFC 4985).
inline constexpr absl::string_view kCommonName("\x55\x04\x03", 3);
inline constexpr absl::string_view kSurname("\x55\x04\x04", 3);
inline constexpr absl::string_view kSerialNumber("\x55\x04\x05", 3);
inline constexpr absl::string_view kCountry("\x55\x04\x06", 3);
inline constexpr absl::string_view kLocality("\x55\x04\x07", 3);
inline constexpr absl::string_view kState("\x55\x04\x08", 3);
inline constexpr absl::string_view kStreet("\x55\x04\x09", 3);
inline constexpr absl::string_view kOrganization("\x55\x04\x0a", 3);
inline constexpr absl::string_view kOrganizationalUnit("\x55\x04\x0b", 3);
inline constexpr absl::string_view kTitle("\x55\x04\x0c", 3);
inline constexpr absl::string_view kGivenName("\x55\x04\x2a", 3);
inline constexpr absl::string_view kDnQualifier("\x55\x04\x2e", 3);
inline constexpr absl::string_view kPseudonym("\x55\x04\x41", 3);
inline constexpr absl::string_view kEmailAddress(
    "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9);
inline constexpr absl::string_view kDomainComponent(
    "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10);
inline constexpr absl::string_view kUserId(
    "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10);

// Certificate and CRL extensions (RFC 5280 4.2, 5.2, 5.3).
inline constexpr absl::string_view kSubjectKeyIdentifier("\x55\x1d\x0e", 3);
inline constexpr absl::string_view kKeyUsage("\x55\x1d\x0f", 3);
inline constexpr absl::string_view kSubjectAltName("\x55\x1d\x11", 3);
inline constexpr absl::string_view kIssuerAltName("\x55\x1d\x12", 3);
inline constexpr absl::string_view kBasicConstraints("\x55\x1d\x13", 3);
inline constexpr absl::string_view kCrlNumber("\x55\x1d\x14", 3);
inline constexpr absl::string_view kReasonCode("\x55\x1d\x15", 3);
inline constexpr absl::string_view kInvalidityDate("\x55\x1d\x18", 3);
inline constexpr absl::string_view kDeltaCrlIndicator("\x55\x1d\x1b", 3);
inline constexpr absl::string_view kIssuingDistributionPoint("\x55\x1d\x1c", 3);
inline constexpr absl::string_view kCertificateIssuer("\x55\x1d\x1d", 3);
inline constexpr absl::string_view kNameConstraints("\x55\x1d\x1e", 3);
inline constexpr absl::string_view kCrlDistributionPoints("\x55\x1d\x1f", 3);
inline constexpr absl::string_view kCertificatePolicies("\x55\x1d\x20", 3);
inline constexpr absl::string_view kPolicyMappings("\x55\x1d\x21", 3);
inline constexpr absl::string_view kAuthorityKeyIdentifier("\x55\x1d\x23", 3);
inline constexpr absl::string_view kPolicyConstraints("\x55\x1d\x24", 3);
inline constexpr absl::string_view kExtendedKeyUsage("\x55\x1d\x25", 3);
inline constexpr absl::string_view kFreshestCrl("\x55\x1d\x2e", 3);
inline constexpr absl::string_view kInhibitAnyPolicy("\x55\x1d\x36", 3);
// id-ce-noRevAvail (RFC 9608 2).
inline constexpr absl::string_view kNoRevAvail("\x55\x1d\x38", 3);
inline constexpr absl::string_view kAuthorityInfoAccess(
    "\x2b\x06\x01\x05\x05\x07\x01\x01", 8);
inline constexpr absl::string_view kOcspNoCheck(
    "\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9);

// OCSP response type and extensions (RFC 6960 4.2.1, 4.4).
inline constexpr absl::string_view kOcspBasic(
    "\x2b\x06\x01\x05\x05\x07\x30\x01\x01", 9);
inline constexpr absl::string_view kOcspNonce(
    "\x2b\x06\x01\x05\x05\x07\x30\x01\x02", 9);
inline constexpr absl::string_view kOcspArchiveCutoff(
    "\x2b\x06\x01\x05\x05\x07\x30\x01\x06", 9);

// Hash algorithms of a CertID (RFC 3279 2.1, RFC 5754 2.2).
inline constexpr absl::string_view kSha1("\x2b\x0e\x03\x02\x1a", 5);
inline constexpr absl::string_view kSha256(
    "\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9);

// Access methods (RFC 5280 4.2.2.1).
inline constexpr absl::string_view kOcsp("\x2b\x06\x01\x05\x05\x07\x30\x01", 8);
inline constexpr absl::string_view kCaIssuers(
    "\x2b\x06\x01\x05\x05\x07\x30\x02", 8);

// Extended key usages (RFC 5280 4.2.1.12).
inline constexpr absl::string_view kServerAuth(
    "\x2b\x06\x01\x05\x05\x07\x03\x01", 8);
inline constexpr absl::string_view kClientAuth(
    "\x2b\x06\x01\x05\x05\x07\x03\x02", 8);
inline constexpr absl::string_view kCodeSigning(
    "\x2b\x06\x01\x05\x05\x07\x03\x03", 8);
inline constexpr absl::string_view kEmailProtection(
    "\x2b\x06\x01\x05\x05\x07\x03\x04", 8);
inline constexpr absl::string_view kTimeStamping(
    "\x2b\x06\x01\x05\x05\x07\x03\x08", 8);
inline constexpr absl::string_view kOcspSigning(
    "\x2b\x06\x01\x05\x05\x07\x03\x09", 8);
// id-kp-documentSigning (RFC 9336 3.1).
inline constexpr absl::string_view kDocumentSigning(
    "\x2b\x06\x01\x05\x05\x07\x03\x24", 8);
inline constexpr absl::string_view kAnyExtendedKeyUsage("\x55\x1d\x25\x00", 4);

// id-on-hardwareModuleName (RFC 4108 5).
inline constexpr absl::string_view kHardwareModuleName(
    "\x2b\x06\x01\x05\x05\x07\x08\x04", 8);

// pkcs-9-at-extensionRequest and challengePassword (RFC 2985 5.4).
inline constexpr absl::string_view kExtensionRequest(
    "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9);
inline constexpr absl::string_view kChallengePassword(
    "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07", 9);

}  // namespace oids
}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_OID_H_
