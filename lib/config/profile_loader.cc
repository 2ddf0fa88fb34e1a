#include "lib/config/profile_loader.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/config/textproto.h"

namespace birthmark::config {
namespace {

using crypto::KeyAlgorithm;
using policy::ProfileKind;

constexpr std::pair<v1::ProfileKind, ProfileKind> kKinds[] = {
    {v1::PROFILE_KIND_IDEVID, ProfileKind::kIdevid},
    {v1::PROFILE_KIND_LDEVID, ProfileKind::kLdevid},
    {v1::PROFILE_KIND_SERVICE, ProfileKind::kService},
    {v1::PROFILE_KIND_LINE, ProfileKind::kLine},
    {v1::PROFILE_KIND_OPERATOR, ProfileKind::kOperator},
    {v1::PROFILE_KIND_OCSP_RESPONDER, ProfileKind::kOcspResponder},
    {v1::PROFILE_KIND_ENFORCEMENT_POINT, ProfileKind::kEnforcementPoint},
    {v1::PROFILE_KIND_RECORD_SIGNER, ProfileKind::kRecordSigner},
};

constexpr std::pair<v1::KeyType, KeyAlgorithm> kKeyTypes[] = {
    {v1::KEY_TYPE_P256, KeyAlgorithm::kP256},
    {v1::KEY_TYPE_P384, KeyAlgorithm::kP384},
    {v1::KEY_TYPE_ED25519, KeyAlgorithm::kEd25519},
    {v1::KEY_TYPE_RSA, KeyAlgorithm::kRsa},
};

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", what), {{"field", field}});
}

absl::Duration ToDuration(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

void SetDuration(absl::Duration duration, google::protobuf::Duration& proto) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(duration - absl::Seconds(seconds))));
}

}  // namespace

absl::StatusOr<policy::Profile> ToProfile(const v1::Profile& proto) {
  policy::Profile profile;
  profile.id = proto.id();
  profile.version = proto.version();
  bool known_kind = false;
  for (const auto& [wire, kind] : kKinds) {
    if (wire == proto.kind()) {
      profile.kind = kind;
      known_kind = true;
    }
  }
  if (!known_kind) {
    return Invalid("kind", "required");
  }
  profile.issuer = proto.issuer();
  if (proto.has_validity()) {
    profile.validity = ToDuration(proto.validity());
  }
  if (proto.has_backdate()) {
    profile.backdate = ToDuration(proto.backdate());
  }
  for (const int type : proto.key_types()) {
    bool known_type = false;
    for (const auto& [wire, algorithm] : kKeyTypes) {
      if (wire == type) {
        profile.key_algorithms.push_back(algorithm);
        known_type = true;
      }
    }
    if (!known_type) {
      return Invalid("key_types", "must not hold KEY_TYPE_UNSPECIFIED");
    }
  }
  profile.organization = proto.organization();
  profile.hardware_type_oid = proto.hardware_type_oid();
  profile.ca_issuers_url = proto.ca_issuers_url();
  profile.no_rev_avail = proto.no_rev_avail();
  profile.freshest_crl = proto.freshest_crl();
  BIRTHMARK_RETURN_IF_ERROR(policy::Validate(profile));
  return profile;
}

v1::Profile FromProfile(const policy::Profile& profile) {
  v1::Profile proto;
  proto.set_id(profile.id);
  proto.set_version(profile.version);
  for (const auto& [wire, kind] : kKinds) {
    if (kind == profile.kind) {
      proto.set_kind(wire);
    }
  }
  proto.set_issuer(profile.issuer);
  if (profile.validity.has_value()) {
    SetDuration(*profile.validity, *proto.mutable_validity());
  }
  SetDuration(profile.backdate, *proto.mutable_backdate());
  for (const KeyAlgorithm have : profile.key_algorithms) {
    for (const auto& [wire, algorithm] : kKeyTypes) {
      if (algorithm == have) {
        proto.add_key_types(wire);
      }
    }
  }
  proto.set_organization(profile.organization);
  proto.set_hardware_type_oid(profile.hardware_type_oid);
  proto.set_ca_issuers_url(profile.ca_issuers_url);
  proto.set_no_rev_avail(profile.no_rev_avail);
  proto.set_freshest_crl(profile.freshest_crl);
  return proto;
}

absl::StatusOr<policy::Profile> LoadProfile(const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto proto, Load<v1::Profile>(path));
  absl::StatusOr<policy::Profile> profile = ToProfile(proto);
  if (!profile.ok()) {
    absl::Status named(profile.status().code(),
                       absl::StrCat(path, ": ", profile.status().message()));
    return WithErrorInfo(std::move(named),
                         GetErrorInfo(profile.status()).value_or(ErrorInfo{}));
  }
  return profile;
}

absl::StatusOr<std::vector<policy::Profile>> LoadProfiles(
    absl::Span<const std::string> paths) {
  std::vector<policy::Profile> profiles;
  std::set<std::string> ids;
  for (const std::string& path : paths) {
    BIRTHMARK_ASSIGN_OR_RETURN(policy::Profile profile, LoadProfile(path));
    if (!ids.insert(profile.id).second) {
      return Invalid("id", absl::StrCat(path, ": profile \"", profile.id,
                                        "\" is there twice"));
    }
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

}  // namespace birthmark::config
