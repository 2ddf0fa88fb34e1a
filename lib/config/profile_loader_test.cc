#include "lib/config/profile_loader.h"

#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/config/textproto.h"

namespace birthmark::config {
namespace {

using ::birthmark::HasMetadata;
using ::birthmark::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kLdevid[] = R"(
  id: "ldevid" version: 3 kind: PROFILE_KIND_LDEVID issuer: "ldevid"
  validity { seconds: 7776000 }
  key_types: KEY_TYPE_P256 key_types: KEY_TYPE_ED25519
  organization: "Acme"
)";

std::string WriteProfile(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "/" + name;
  EXPECT_OK(WriteFileAtomically(path, text, 0600));
  return path;
}

TEST(ProfileLoaderTest, AProfileIsReadWholeWithDefaults) {
  ASSERT_OK_AND_ASSIGN(const policy::Profile profile,
                       LoadProfile(WriteProfile("ldevid", kLdevid)));
  EXPECT_EQ(profile.id, "ldevid");
  EXPECT_EQ(profile.version, 3);
  EXPECT_EQ(profile.kind, policy::ProfileKind::kLdevid);
  EXPECT_EQ(profile.validity, absl::Hours(24 * 90));
  EXPECT_EQ(profile.backdate, policy::kDefaultBackdate);
  EXPECT_THAT(
      profile.key_algorithms,
      ElementsAre(crypto::KeyAlgorithm::kP256, crypto::KeyAlgorithm::kEd25519));
  EXPECT_EQ(profile.organization, "Acme");
}

TEST(ProfileLoaderTest, WhatIsWrittenIsReadBack) {
  ASSERT_OK_AND_ASSIGN(const policy::Profile profile,
                       LoadProfile(WriteProfile("ldevid", kLdevid)));
  const v1::Profile proto = FromProfile(profile);
  ASSERT_OK_AND_ASSIGN(const policy::Profile again, ToProfile(proto));
  EXPECT_EQ(FromProfile(again).SerializeAsString(), proto.SerializeAsString());
}

TEST(ProfileLoaderTest, RevocationIsPartOfAProfile) {
  v1::Profile proto;
  ASSERT_OK(ParseInto(kLdevid, "test", proto));
  proto.set_freshest_crl(true);
  ASSERT_OK_AND_ASSIGN(policy::Profile profile, ToProfile(proto));
  EXPECT_TRUE(profile.freshest_crl);
  EXPECT_TRUE(FromProfile(profile).freshest_crl());
  proto.set_freshest_crl(false);
  proto.set_no_rev_avail(true);
  EXPECT_THAT(ToProfile(proto), HasMetadata("field", "no_rev_avail"));
  proto.mutable_validity()->set_seconds(86400);
  ASSERT_OK_AND_ASSIGN(profile, ToProfile(proto));
  EXPECT_TRUE(profile.no_rev_avail);
  EXPECT_TRUE(FromProfile(profile).no_rev_avail());
}

TEST(ProfileLoaderTest, RespondersAndEnforcementPointsAreKinds) {
  v1::Profile proto;
  ASSERT_OK(ParseInto(kLdevid, "test", proto));
  proto.mutable_validity()->set_seconds(86400);
  for (const auto kind :
       {v1::PROFILE_KIND_OCSP_RESPONDER, v1::PROFILE_KIND_ENFORCEMENT_POINT}) {
    proto.set_kind(kind);
    ASSERT_OK_AND_ASSIGN(const policy::Profile profile, ToProfile(proto));
    EXPECT_EQ(FromProfile(profile).kind(), kind);
  }
}

TEST(ProfileLoaderTest, AProfileWithoutKindNamesFileAndField) {
  const std::string path = WriteProfile("bad", "id: \"x\" version: 1");
  const auto profile = LoadProfile(path);
  EXPECT_THAT(profile, StatusIs(absl::StatusCode::kInvalidArgument,
                                reasons::kInvalidField));
  EXPECT_THAT(profile, HasMetadata("field", "kind"));
  EXPECT_THAT(std::string(profile.status().message()), HasSubstr(path));
}

TEST(ProfileLoaderTest, AnUnspecifiedKeyTypeIsRefused) {
  v1::Profile proto;
  ASSERT_OK(ParseInto(kLdevid, "test", proto));
  proto.add_key_types(v1::KEY_TYPE_UNSPECIFIED);
  EXPECT_THAT(ToProfile(proto), HasMetadata("field", "key_types"));
}

TEST(ProfileLoaderTest, TwoProfilesOfOneIdAreRefused) {
  const std::string a = WriteProfile("a", kLdevid);
  const std::string b = WriteProfile("b", kLdevid);
  EXPECT_THAT(LoadProfiles({a, b}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const auto profiles, LoadProfiles({a}));
  EXPECT_THAT(profiles, SizeIs(1));
}

}  // namespace
}  // namespace birthmark::config
