#include "lib/keys/sealed_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"

namespace birthmark::keys {
namespace {

using crypto::KeyAlgorithm;
using crypto::SecretBytes;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

class SealedFileTest : public ::testing::Test {
 protected:
  SealedFileTest() : directory_(::testing::TempDir() + "sealed_test.XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/idevid.key";
  }

  std::string directory_;
  std::string path_;
  SecretBytes kek_ = SecretBytes::Random(32);
};

class IssuerAlgorithmTest : public SealedFileTest,
                            public ::testing::WithParamInterface<KeyAlgorithm> {
};

TEST_P(IssuerAlgorithmTest, CreatedKeyIsOpened) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", GetParam(), kek_));
  ASSERT_OK_AND_ASSIGN(const auto first,
                       FileSigner::Open(path_, "idevid", kek_));
  ASSERT_OK_AND_ASSIGN(const auto second,
                       FileSigner::Open(path_, "idevid", kek_));
  EXPECT_EQ(first->public_key().algorithm(), GetParam());
  ASSERT_OK_AND_ASSIGN(const std::string signature, first->Sign("message"));
  EXPECT_TRUE(
      second->public_key().Verify(second->algorithm(), "message", signature));
}

INSTANTIATE_TEST_SUITE_P(All, IssuerAlgorithmTest,
                         ::testing::Values(KeyAlgorithm::kP256,
                                           KeyAlgorithm::kP384));

TEST_F(SealedFileTest, FileIsPrivateAndHoldsNoKeyInTheClear) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(path_));
  // Where PKCS#8 would be, the encoding of ECPrivateKey's version and the
  // length of the key always stand.
  EXPECT_THAT(HexEncode(file), Not(HasSubstr("0201010420")));
}

TEST_F(SealedFileTest, HasTheDocumentedForm) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(path_));
  ASSERT_OK_AND_ASSIGN(const auto signer,
                       FileSigner::Open(path_, "idevid", kek_));
  std::string header = "BMSEALED";
  AppendUint32(1, header);
  AppendUint32(6, header);
  header += "idevid";
  AppendUint32(91, header);
  header += std::string(signer->public_key().spki_der());
  EXPECT_EQ(file.substr(0, header.size()), header);
  // PKCS#8 of a P-256 key with its public half takes 138 bytes.
  EXPECT_EQ(file.size(), header.size() + 12 + 138 + 16);
}

TEST_F(SealedFileTest, ExistingFileIsNotOverwritten) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  EXPECT_THAT(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(FileSigner::Open(path_, "idevid", kek_));
}

TEST_F(SealedFileTest, OtherAlgorithmsAndBadNamesAreRefused) {
  EXPECT_THAT(CreateSealedKey(path_, "a", KeyAlgorithm::kEd25519, kek_),
              StatusIs(kInvalid));
  EXPECT_THAT(CreateSealedKey(path_, "a", KeyAlgorithm::kRsa, kek_),
              StatusIs(kInvalid));
  EXPECT_THAT(CreateSealedKey(path_, "", KeyAlgorithm::kP256, kek_),
              StatusIs(kInvalid));
  EXPECT_THAT(CreateSealedKey(path_, "A/b", KeyAlgorithm::kP256, kek_),
              StatusIs(kInvalid));
  EXPECT_THAT(
      CreateSealedKey(path_, "a", KeyAlgorithm::kP256, SecretBytes::Random(16)),
      StatusIs(kInvalid));
  EXPECT_THAT(ReadFile(path_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SealedFileTest, AnotherKekDoesNotOpenIt) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  const auto result =
      FileSigner::Open(path_, "idevid", SecretBytes::Random(32));
  EXPECT_THAT(result, StatusIs(kPrecondition));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(path_));
}

TEST_F(SealedFileTest, AnotherNameDoesNotOpenIt) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  EXPECT_THAT(FileSigner::Open(path_, "ldevid", kek_), StatusIs(kPrecondition));
  // Nor does putting the other name in, since the name is authenticated.
  ASSERT_OK_AND_ASSIGN(std::string file, ReadFile(path_));
  file[file.find("idevid")] = 'l';
  ASSERT_OK(WriteFileAtomically(path_, file, 0600));
  EXPECT_THAT(FileSigner::Open(path_, "ldevid", kek_), StatusIs(kPrecondition));
}

TEST_F(SealedFileTest, MissingFileIsNotFound) {
  EXPECT_THAT(FileSigner::Open(path_, "idevid", kek_),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SealedFileTest, FileOpenToOthersIsRefusedWithTheRepair) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  ASSERT_EQ(chmod(path_.c_str(), 0604), 0);
  const auto result = FileSigner::Open(path_, "idevid", kek_);
  EXPECT_THAT(result, StatusIs(kPrecondition));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("chmod 600 "));
}

TEST_F(SealedFileTest, EveryAlteredByteIsNoticed) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(path_));
  for (size_t i = 0; i < file.size(); ++i) {
    std::string altered = file;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    ASSERT_OK(WriteFileAtomically(path_, altered, 0600));
    const absl::StatusCode code =
        FileSigner::Open(path_, "idevid", kek_).status().code();
    EXPECT_TRUE(code == kInvalid || code == kPrecondition) << i;
  }
}

TEST_F(SealedFileTest, EveryPrefixIsRefused) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(path_));
  for (size_t size = 0; size < file.size(); ++size) {
    ASSERT_OK(WriteFileAtomically(path_, file.substr(0, size), 0600));
    const absl::StatusCode code =
        FileSigner::Open(path_, "idevid", kek_).status().code();
    EXPECT_TRUE(code == kInvalid || code == kPrecondition) << size;
  }
}

TEST_F(SealedFileTest, LaterVersionIsNamed) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  ASSERT_OK_AND_ASSIGN(std::string file, ReadFile(path_));
  file[11] = '\2';
  ASSERT_OK(WriteFileAtomically(path_, file, 0600));
  const auto result = FileSigner::Open(path_, "idevid", kek_);
  EXPECT_THAT(result, StatusIs(kInvalid));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("version 2"));
}

TEST_F(SealedFileTest, ResealingKeepsTheKeyAndEndsTheOldKek) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  ASSERT_OK_AND_ASSIGN(const auto before,
                       FileSigner::Open(path_, "idevid", kek_));
  const SecretBytes new_kek = SecretBytes::Random(32);
  ASSERT_OK(ResealKey(path_, "idevid", kek_, new_kek));
  ASSERT_OK_AND_ASSIGN(const auto after,
                       FileSigner::Open(path_, "idevid", new_kek));
  EXPECT_EQ(after->public_key(), before->public_key());
  EXPECT_THAT(FileSigner::Open(path_, "idevid", kek_), StatusIs(kPrecondition));
}

TEST_F(SealedFileTest, FailedResealingLeavesTheFileAlone) {
  ASSERT_OK(CreateSealedKey(path_, "idevid", KeyAlgorithm::kP256, kek_));
  EXPECT_THAT(ResealKey(path_, "idevid", SecretBytes::Random(32), kek_),
              StatusIs(kPrecondition));
  EXPECT_THAT(ResealKey(path_, "idevid", kek_, SecretBytes::Random(5)),
              StatusIs(kInvalid));
  EXPECT_OK(FileSigner::Open(path_, "idevid", kek_));
}

}  // namespace
}  // namespace birthmark::keys
