#include "lib/policy/profile.h"

#include <functional>
#include <memory>
#include <string>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/keys/local_key.h"

namespace birthmark::policy {
namespace {

using crypto::KeyAlgorithm;

Profile CreateValidProfile() {
  Profile profile;
  profile.id = "ldevid";
  profile.version = 3;
  profile.kind = ProfileKind::kLdevid;
  profile.issuer = "ldevid";
  profile.validity = absl::Hours(24 * 90);
  profile.key_algorithms = {KeyAlgorithm::kP256, KeyAlgorithm::kEd25519};
  profile.organization = "Example Devices";
  profile.ca_issuers_url = "http://ca.example/ldevid.cer";
  return profile;
}

TEST(ProfileTest, AcceptsAValidProfile) {
  EXPECT_OK(Validate(CreateValidProfile()));
}

TEST(ProfileTest, AcceptsAnIdevidWithoutExpiryAndWithAHardwareType) {
  Profile profile = CreateValidProfile();
  profile.kind = ProfileKind::kIdevid;
  profile.validity.reset();
  profile.hardware_type_oid = "1.3.6.1.4.1.32473.1.1";
  EXPECT_OK(Validate(profile));
}

TEST(ProfileTest, AcceptsShortLivesThatNobodyCanRevoke) {
  Profile profile = CreateValidProfile();
  profile.validity = absl::Hours(24 * 7);
  profile.no_rev_avail = true;
  EXPECT_OK(Validate(profile));
}

TEST(ProfileTest, AcceptsAnOcspResponderOfThirtyDays) {
  Profile profile = CreateValidProfile();
  profile.kind = ProfileKind::kOcspResponder;
  profile.validity = absl::Hours(24 * 30);
  profile.issuer = std::string(46, 'i');
  EXPECT_OK(Validate(profile));
}

struct Case {
  const char* name;
  const char* field;
  std::function<void(Profile&)> spoil;
};
class BadProfileTest : public testing::TestWithParam<Case> {};

TEST_P(BadProfileTest, IsRefusedWithTheFieldsName) {
  Profile profile = CreateValidProfile();
  GetParam().spoil(profile);
  const absl::Status status = Validate(profile);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               reasons::kInvalidField));
  EXPECT_THAT(status, HasMetadata("field", GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadProfileTest,
    testing::Values(
        Case{"NoId", "id", [](Profile& p) { p.id = ""; }},
        Case{"UpperCaseId", "id", [](Profile& p) { p.id = "LDevID"; }},
        Case{"VersionZero", "version", [](Profile& p) { p.version = 0; }},
        Case{"NoIssuer", "issuer", [](Profile& p) { p.issuer = ""; }},
        Case{"NoExpiry", "validity", [](Profile& p) { p.validity.reset(); }},
        Case{"IdevidThatExpires", "validity",
             [](Profile& p) { p.kind = ProfileKind::kIdevid; }},
        Case{"TooShort", "validity",
             [](Profile& p) { p.validity = absl::Seconds(59); }},
        Case{"TooLong", "validity",
             [](Profile& p) { p.validity = absl::Hours(24 * 366 * 101); }},
        Case{"Fraction", "validity",
             [](Profile& p) {
               p.validity = absl::Hours(1) + absl::Milliseconds(1);
             }},
        Case{"UnrevocableForLong", "no_rev_avail",
             [](Profile& p) {
               p.no_rev_avail = true;
               p.validity = absl::Hours(24 * 7) + absl::Seconds(1);
             }},
        Case{"UnrevocableForEver", "no_rev_avail",
             [](Profile& p) {
               p.no_rev_avail = true;
               p.kind = ProfileKind::kIdevid;
               p.validity.reset();
             }},
        Case{"UnrevocableWithADelta", "freshest_crl",
             [](Profile& p) {
               p.no_rev_avail = true;
               p.freshest_crl = true;
               p.validity = absl::Hours(24);
             }},
        Case{"LongLivedResponder", "validity",
             [](Profile& p) {
               p.kind = ProfileKind::kOcspResponder;
               p.validity = absl::Hours(24 * 30) + absl::Seconds(1);
             }},
        Case{"LongLivedRecordSigner", "validity",
             [](Profile& p) {
               p.kind = ProfileKind::kRecordSigner;
               p.validity = absl::Hours(24 * 30) + absl::Seconds(1);
             }},
        Case{"RecordSignerOfALongName", "issuer",
             [](Profile& p) {
               p.kind = ProfileKind::kRecordSigner;
               p.validity = absl::Hours(24);
               p.issuer = std::string(48, 'i');
             }},
        Case{"ResponderWithADelta", "freshest_crl",
             [](Profile& p) {
               p.kind = ProfileKind::kOcspResponder;
               p.validity = absl::Hours(24);
               p.freshest_crl = true;
             }},
        Case{"UnrevocableResponder", "no_rev_avail",
             [](Profile& p) {
               p.kind = ProfileKind::kOcspResponder;
               p.validity = absl::Hours(24);
               p.no_rev_avail = true;
             }},
        Case{"ResponderOfALongName", "issuer",
             [](Profile& p) {
               p.kind = ProfileKind::kOcspResponder;
               p.validity = absl::Hours(24);
               p.issuer = std::string(47, 'i');
             }},
        Case{"NegativeBackdate", "backdate",
             [](Profile& p) { p.backdate = -absl::Seconds(1); }},
        Case{"LongBackdate", "backdate",
             [](Profile& p) { p.backdate = absl::Hours(25); }},
        Case{"NoKeys", "key_types",
             [](Profile& p) { p.key_algorithms.clear(); }},
        Case{"KeyTypeTwice", "key_types",
             [](Profile& p) {
               p.key_algorithms = {KeyAlgorithm::kRsa, KeyAlgorithm::kP256,
                                   KeyAlgorithm::kRsa};
             }},
        Case{"LongOrganization", "organization",
             [](Profile& p) { p.organization = std::string(65, 'x'); }},
        Case{"LineFeedInOrganization", "organization",
             [](Profile& p) { p.organization = "a\nb"; }},
        Case{"HardwareTypeOfAnLdevid", "hardware_type_oid",
             [](Profile& p) { p.hardware_type_oid = "1.2.3"; }},
        Case{"BadHardwareType", "hardware_type_oid",
             [](Profile& p) {
               p.kind = ProfileKind::kIdevid;
               p.validity.reset();
               p.hardware_type_oid = "1.2.x";
             }},
        Case{"HttpsUrl", "ca_issuers_url",
             [](Profile& p) { p.ca_issuers_url = "https://ca.example/"; }},
        Case{"SpaceInUrl", "ca_issuers_url",
             [](Profile& p) { p.ca_issuers_url = "http://ca.example/a b"; }}),
    [](const auto& info) { return info.param.name; });

TEST(ProfileTest, TakesTheKeysThatItNames) {
  ASSERT_OK_AND_ASSIGN(auto key, keys::LocalKey::Generate(KeyAlgorithm::kP256));
  EXPECT_OK(CheckKey(CreateValidProfile(), key->public_key()));
}

TEST(ProfileTest, RefusesOtherKeys) {
  ASSERT_OK_AND_ASSIGN(auto key, keys::LocalKey::Generate(KeyAlgorithm::kP384));
  const absl::Status status = CheckKey(CreateValidProfile(), key->public_key());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               reasons::kKeyTypeNotAllowed));
  EXPECT_THAT(status, HasMetadata("algorithm", "P-384"));
  EXPECT_THAT(status, HasMetadata("profile", "ldevid"));
}

TEST(ProfileTest, CountsValidityFromTheMomentOfIssueInWholeSeconds) {
  const absl::Time now =
      absl::FromUnixSeconds(1767225600) + absl::Milliseconds(700);
  const Validity validity = ValidityAt(CreateValidProfile(), now);
  EXPECT_EQ(validity.not_before, absl::FromUnixSeconds(1767225600 - 300));
  EXPECT_EQ(validity.not_after,
            absl::FromUnixSeconds(1767225600 + 90 * 86400 - 1));
}

TEST(ProfileTest, NoExpiryIsTheLastSecondOf9999) {
  EXPECT_EQ(
      absl::FormatTime(absl::RFC3339_full, NoExpiry(), absl::UTCTimeZone()),
      "9999-12-31T23:59:59+00:00");
  Profile profile = CreateValidProfile();
  profile.kind = ProfileKind::kIdevid;
  profile.validity.reset();
  EXPECT_EQ(ValidityAt(profile, absl::FromUnixSeconds(1767225600)).not_after,
            NoExpiry());
}

TEST(ProfileTest, RenewsAfterTwoThirds) {
  const Validity validity{absl::FromUnixSeconds(1000),
                          absl::FromUnixSeconds(1000 + 300)};
  EXPECT_EQ(RenewTime(validity), absl::FromUnixSeconds(1200));
}

}  // namespace
}  // namespace birthmark::policy
