#include "lib/keys/local_key.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/strings/str_replace.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/crypto/key_hygiene.h"

namespace birthmark::keys {
namespace {

using crypto::KeyAlgorithm;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class LocalKeyTest : public ::testing::Test {
 protected:
  LocalKeyTest() : directory_(::testing::TempDir() + "local_key_test.XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/key.pem";
  }

  std::string directory_;
  std::string path_;
};

class EveryAlgorithmTest : public LocalKeyTest,
                           public ::testing::WithParamInterface<KeyAlgorithm> {
};

TEST_P(EveryAlgorithmTest, SurvivesItsPem) {
  ASSERT_OK_AND_ASSIGN(const auto key, LocalKey::Generate(GetParam()));
  EXPECT_EQ(key->public_key().algorithm(), GetParam());
  EXPECT_OK(crypto::CheckKeyHygiene(key->public_key()));
  EXPECT_THAT(key->ToPem(), StartsWith("-----BEGIN PRIVATE KEY-----\n"));
  ASSERT_OK_AND_ASSIGN(const auto same, LocalKey::FromPem(key->ToPem()));
  EXPECT_EQ(same->public_key(), key->public_key());
  EXPECT_EQ(same->ToPem(), key->ToPem());
}

TEST_P(EveryAlgorithmTest, SurvivesItsFile) {
  ASSERT_OK_AND_ASSIGN(const auto key, LocalKey::Generate(GetParam()));
  ASSERT_OK(key->Save(path_));
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_OK_AND_ASSIGN(const auto loaded, LocalKey::Load(path_));
  ASSERT_OK_AND_ASSIGN(const std::string signature, loaded->Sign("message"));
  EXPECT_TRUE(key->public_key().Verify(key->algorithm(), "message", signature));
}

INSTANTIATE_TEST_SUITE_P(
    All, EveryAlgorithmTest,
    ::testing::Values(KeyAlgorithm::kP256, KeyAlgorithm::kP384,
                      KeyAlgorithm::kEd25519, KeyAlgorithm::kRsa),
    [](const auto& info) {
      return absl::StrReplaceAll(crypto::KeyAlgorithmName(info.param),
                                 {{"-", ""}});
    });

TEST_F(LocalKeyTest, RsaSizeIsOneOfThree) {
  ASSERT_OK_AND_ASSIGN(const auto key,
                       LocalKey::Generate(KeyAlgorithm::kRsa, 3072));
  EXPECT_EQ(key->public_key().bits(), 3072);
  for (const int bits : {0, 1024, 2047, 2056, 8192}) {
    EXPECT_THAT(LocalKey::Generate(KeyAlgorithm::kRsa, bits),
                StatusIs(kInvalid));
  }
}

TEST_F(LocalKeyTest, SaveDoesNotReplaceAndReplaceDoes) {
  ASSERT_OK_AND_ASSIGN(const auto first,
                       LocalKey::Generate(KeyAlgorithm::kP256));
  ASSERT_OK_AND_ASSIGN(const auto second,
                       LocalKey::Generate(KeyAlgorithm::kP256));
  ASSERT_OK(first->Save(path_));
  EXPECT_THAT(second->Save(path_), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ((*LocalKey::Load(path_))->public_key(), first->public_key());
  ASSERT_OK(second->Replace(path_));
  EXPECT_EQ((*LocalKey::Load(path_))->public_key(), second->public_key());
}

TEST_F(LocalKeyTest, FileOpenToOthersIsRefusedWithTheRepair) {
  ASSERT_OK_AND_ASSIGN(const auto key, LocalKey::Generate(KeyAlgorithm::kP256));
  ASSERT_OK(WriteFileAtomically(path_, key->ToPem(), 0644));
  const absl::Status status = LocalKey::Load(path_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600 " + path_));
}

TEST_F(LocalKeyTest, MissingFileIsNotFound) {
  EXPECT_THAT(LocalKey::Load(path_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LocalKeyTest, WindowsLineEndsAreFine) {
  ASSERT_OK_AND_ASSIGN(const auto key, LocalKey::Generate(KeyAlgorithm::kP256));
  EXPECT_OK(
      LocalKey::FromPem(absl::StrReplaceAll(key->ToPem(), {{"\n", "\r\n"}})));
}

struct Case {
  const char* name;
  std::string (*spoil)(std::string pem);
};

class BadPemTest : public LocalKeyTest,
                   public ::testing::WithParamInterface<Case> {};

TEST_P(BadPemTest, IsRefusedWithoutRepeatingIt) {
  ASSERT_OK_AND_ASSIGN(const auto key, LocalKey::Generate(KeyAlgorithm::kP256));
  const std::string pem = GetParam().spoil(key->ToPem());
  EXPECT_THAT(LocalKey::FromPem(pem), StatusIs(kInvalid));
  ASSERT_OK(WriteFileAtomically(path_, pem, 0600));
  const absl::Status status = LocalKey::Load(path_).status();
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("MIGHAg")));
}

std::string Renamed(std::string pem, const char* name) {
  return absl::StrReplaceAll(pem, {{"PRIVATE KEY", name}});
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPemTest,
    ::testing::Values(
        Case{"Empty", [](std::string) { return std::string(); }},
        Case{"Encrypted",
             [](std::string pem) {
               return Renamed(pem, "ENCRYPTED PRIVATE KEY");
             }},
        Case{"Sec1",
             [](std::string pem) { return Renamed(pem, "EC PRIVATE KEY"); }},
        Case{"Certificate",
             [](std::string pem) { return Renamed(pem, "CERTIFICATE"); }},
        Case{"Twice", [](std::string pem) { return pem + pem; }},
        Case{"TextInFront", [](std::string pem) { return "key\n" + pem; }},
        Case{"NoEnd",
             [](std::string pem) { return pem.substr(0, pem.size() - 27); }},
        Case{"LostALetter", [](std::string pem) { return pem.erase(40, 1); }},
        Case{"LostAGroup", [](std::string pem) { return pem.erase(40, 4); }},
        // The key's version, which has to be zero.
        Case{"SpoiltDer",
             [](std::string pem) {
               pem[32] = pem[32] == 'x' ? 'y' : 'x';
               return pem;
             }},
        Case{"TooLong",
             [](std::string pem) { return pem + std::string(20000, ' '); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::keys
