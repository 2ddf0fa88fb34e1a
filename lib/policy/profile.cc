#include "lib/policy/profile.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/x509/oid.h"

namespace birthmark::policy {
namespace {

// Longer than any operational certificate should live, and far from where
// absl::Time and the database end.
constexpr absl::Duration kMaxValidity = absl::Hours(24 * 366 * 100);
constexpr absl::Duration kMaxBackdate = absl::Hours(24);
constexpr size_t kMaxUrl = 2048;
constexpr size_t kMaxCommonName = 64;  // RFC 5280 A.1

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

absl::Status CheckDuration(absl::string_view field, absl::Duration value,
                           absl::Duration low, absl::Duration high) {
  if (value < low || value > high) {
    return Invalid(
        field, absl::StrCat("must be from ", absl::FormatDuration(low), " to ",
                            absl::FormatDuration(high)));
  }
  if (value != absl::Trunc(value, absl::Seconds(1))) {
    return Invalid(field, "must be whole seconds");
  }
  return absl::OkStatus();
}

absl::Status CheckValidity(const Profile& profile) {
  if (!profile.validity.has_value()) {
    if (profile.kind == ProfileKind::kIdevid) {
      return absl::OkStatus();
    }
    return Invalid("validity", "only profiles of kind idevid may have none");
  }
  if (profile.kind == ProfileKind::kIdevid) {
    return Invalid("validity", "profiles of kind idevid have none");
  }
  const absl::Duration longest =
      profile.kind == ProfileKind::kOcspResponder  ? kMaxOcspResponder
      : profile.kind == ProfileKind::kRecordSigner ? kMaxRecordSigner
                                                   : kMaxValidity;
  return CheckDuration("validity", *profile.validity, absl::Minutes(1),
                       longest);
}

// What the certificates say of their own revocation must hold together.
absl::Status CheckRevocation(const Profile& profile) {
  if (profile.kind == ProfileKind::kOcspResponder &&
      (profile.no_rev_avail || profile.freshest_crl)) {
    return Invalid(profile.no_rev_avail ? "no_rev_avail" : "freshest_crl",
                   "certificates of OCSP responders are not asked about");
  }
  if (!profile.no_rev_avail) {
    return absl::OkStatus();
  }
  if (profile.freshest_crl) {
    return Invalid("freshest_crl",
                   "certificates with no_rev_avail are on no CRL");
  }
  if (!profile.validity.has_value() || *profile.validity > kMaxUnrevocable) {
    return Invalid("no_rev_avail",
                   absl::StrCat("needs a validity of at most ",
                                absl::FormatDuration(kMaxUnrevocable)));
  }
  return absl::OkStatus();
}

absl::Status CheckKeyAlgorithms(const Profile& profile) {
  if (profile.key_algorithms.empty()) {
    return Invalid("key_types", "at least one is required");
  }
  auto sorted = profile.key_algorithms;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return Invalid("key_types", "one stands twice");
  }
  return absl::OkStatus();
}

bool IsGraphicAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isgraph(c); });
}

absl::Status CheckOrganization(absl::string_view organization) {
  if (organization.size() > 64) {
    return Invalid("organization", "at most 64 octets");
  }
  if (std::any_of(organization.begin(), organization.end(),
                  [](char c) { return absl::ascii_iscntrl(c); })) {
    return Invalid("organization", "must not hold control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckHardwareType(const Profile& profile) {
  if (profile.hardware_type_oid.empty()) {
    return absl::OkStatus();
  }
  if (profile.kind != ProfileKind::kIdevid) {
    return Invalid("hardware_type_oid", "only for profiles of kind idevid");
  }
  if (!x509::Oid::FromText(profile.hardware_type_oid).ok()) {
    return Invalid("hardware_type_oid", "not a dotted object identifier");
  }
  return absl::OkStatus();
}

absl::Status CheckUrl(absl::string_view url) {
  if (url.empty()) {
    return absl::OkStatus();
  }
  // Plain HTTP, since fetching an issuer over TLS would need that issuer
  // (RFC 5280 4.2.2.1 names http and ldap).
  if (!absl::StartsWith(url, "http://") || url.size() > kMaxUrl ||
      !IsGraphicAscii(url)) {
    return Invalid("ca_issuers_url", "must be an http:// URL");
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view ProfileKindName(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::kIdevid:
      return "idevid";
    case ProfileKind::kLdevid:
      return "ldevid";
    case ProfileKind::kService:
      return "service";
    case ProfileKind::kLine:
      return "line";
    case ProfileKind::kOperator:
      return "operator";
    case ProfileKind::kOcspResponder:
      return "ocsp-responder";
    case ProfileKind::kEnforcementPoint:
      return "enforcement-point";
    case ProfileKind::kRecordSigner:
      return "record-signer";
  }
  return "unknown";
}

std::string OcspResponderName(absl::string_view issuer) {
  return absl::StrCat("OCSP responder of ", issuer);
}

std::string RecordSignerName(absl::string_view issuer) {
  return absl::StrCat("Record signer of ", issuer);
}

absl::Status Validate(const Profile& profile) {
  if (!IsResourceId(profile.id)) {
    return Invalid("id", "must match [a-z0-9-]{1,63}");
  }
  if (profile.version < 1) {
    return Invalid("version", "must be 1 or more");
  }
  if (!IsResourceId(profile.issuer)) {
    return Invalid("issuer", "must match [a-z0-9-]{1,63}");
  }
  if (profile.kind == ProfileKind::kOcspResponder &&
      OcspResponderName(profile.issuer).size() > kMaxCommonName) {
    return Invalid("issuer", "is too long for the name of its responder");
  }
  if (profile.kind == ProfileKind::kRecordSigner &&
      RecordSignerName(profile.issuer).size() > kMaxCommonName) {
    return Invalid("issuer", "is too long for the name of its record signer");
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckValidity(profile));
  BIRTHMARK_RETURN_IF_ERROR(CheckDuration("backdate", profile.backdate,
                                          absl::ZeroDuration(), kMaxBackdate));
  BIRTHMARK_RETURN_IF_ERROR(CheckRevocation(profile));
  BIRTHMARK_RETURN_IF_ERROR(CheckKeyAlgorithms(profile));
  BIRTHMARK_RETURN_IF_ERROR(CheckOrganization(profile.organization));
  BIRTHMARK_RETURN_IF_ERROR(CheckHardwareType(profile));
  return CheckUrl(profile.ca_issuers_url);
}

absl::Status CheckKey(const Profile& profile, const crypto::PublicKey& key) {
  const auto& allowed = profile.key_algorithms;
  if (std::find(allowed.begin(), allowed.end(), key.algorithm()) !=
      allowed.end()) {
    return absl::OkStatus();
  }
  const absl::string_view name = crypto::KeyAlgorithmName(key.algorithm());
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kKeyTypeNotAllowed,
      absl::StrCat("profile ", profile.id, " does not take ", name, " keys"),
      {{"algorithm", name}, {"profile", profile.id}});
}

absl::Time NoExpiry() { return absl::FromUnixSeconds(int64_t{253402300799}); }

Validity ValidityAt(const Profile& profile, absl::Time now) {
  const absl::Time second = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
  Validity validity{second - profile.backdate, NoExpiry()};
  if (profile.validity.has_value()) {
    // notAfter is inclusive, so one second less than the duration counted from
    // the moment of issue.
    validity.not_after =
        std::min(NoExpiry(), second + *profile.validity - absl::Seconds(1));
  }
  return validity;
}

absl::Time RenewTime(const Validity& validity) {
  const absl::Duration life = validity.not_after - validity.not_before;
  return validity.not_before + absl::Trunc(life * 2 / 3, absl::Seconds(1));
}

}  // namespace birthmark::policy
