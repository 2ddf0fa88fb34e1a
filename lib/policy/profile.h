// Profile says what a certificate of one kind looks like and which keys it
// takes. Profiles are configuration: lib/config reads them from
// birthmark.config.v1.Profile, this library judges them. Pure functions.

#ifndef BIRTHMARK_LIB_POLICY_PROFILE_H_
#define BIRTHMARK_LIB_POLICY_PROFILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/signature_algorithm.h"

namespace birthmark::policy {

// ProfileKind is whom a profile is for. It decides the subject, the names and
// the lints.
enum class ProfileKind {
  kIdevid,
  kLdevid,
  kService,
  kLine,
  kOperator,
  kOcspResponder,
  kEnforcementPoint,
  kRecordSigner,
};

// ProfileKindName returns "idevid", "ldevid", "service", "line", "operator",
// "ocsp-responder", "enforcement-point", "record-signer".
absl::string_view ProfileKindName(ProfileKind kind);

inline constexpr absl::Duration kDefaultBackdate = absl::Minutes(5);
// The longest validity of certificates that nobody can revoke.
inline constexpr absl::Duration kMaxUnrevocable = absl::Hours(24 * 7);
// The longest validity of OCSP responders' certificates, which no verifier
// checks for revocation.
inline constexpr absl::Duration kMaxOcspResponder = absl::Hours(24 * 30);
// The same for signers of records, whose keys live in a process's memory.
inline constexpr absl::Duration kMaxRecordSigner = absl::Hours(24 * 30);

struct Profile {
  std::string id;   // [a-z0-9-]{1,63}
  int version = 0;  // from 1; rises with every change
  ProfileKind kind = ProfileKind::kIdevid;
  std::string issuer;  // issuer id
  // Absent: no expiry (IEEE 802.1AR 8.7), which kIdevid must have and no other
  // kind may.
  std::optional<absl::Duration> validity;
  // How far notBefore lies in the past, for devices with bad clocks.
  absl::Duration backdate = kDefaultBackdate;
  std::vector<crypto::KeyAlgorithm> key_algorithms;  // at least one, no repeat
  std::string organization;                          // empty: none
  std::string hardware_type_oid;  // dotted; empty: no hwModuleName
  std::string ca_issuers_url;     // empty: that of the deployment, if any
  // Certificates say that they are never revoked (RFC 9608) and carry neither
  // CRL nor OCSP URIs; validity at most kMaxUnrevocable.
  bool no_rev_avail = false;
  // Certificates name their shard's delta CRL too.
  bool freshest_crl = false;
};

// OcspResponderName is the common name of the OCSP responder of `issuer`.
std::string OcspResponderName(absl::string_view issuer);

// RecordSignerName is the common name of the signer of records below `issuer`.
std::string RecordSignerName(absl::string_view issuer);

// Validate says whether `profile` can be used.
// kInvalidArgument / INVALID_FIELD, metadata field.
absl::Status Validate(const Profile& profile);

// CheckKey says whether `profile` takes keys of this type.
// kFailedPrecondition / KEY_TYPE_NOT_ALLOWED, metadata algorithm and profile.
absl::Status CheckKey(const Profile& profile, const crypto::PublicKey& key);

// NoExpiry is 9999-12-31T23:59:59Z: RFC 5280 4.1.2.5, "no well-defined
// expiration date".
absl::Time NoExpiry();

struct Validity {
  absl::Time not_before;
  absl::Time not_after;  // inclusive, as in the certificate
};

// ValidityAt returns the validity of a certificate that is issued at `now`, in
// whole seconds.
Validity ValidityAt(const Profile& profile, absl::Time now);

// RenewTime is when the holder should ask for the next certificate: two thirds
// into the validity, so that a third is left to get through.
absl::Time RenewTime(const Validity& validity);

}  // namespace birthmark::policy

#endif  // BIRTHMARK_LIB_POLICY_PROFILE_H_
