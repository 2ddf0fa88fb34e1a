#include "lib/keys/kek.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <string>

#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/crypto/key_export_token.h"

namespace birthmark::keys {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KekTest : public ::testing::Test {
 protected:
  KekTest() : directory_(::testing::TempDir() + "kek_test.XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/kek";
  }

  std::string directory_;
  std::string path_;
};

TEST_F(KekTest, CreatedKeyIsLoaded) {
  ASSERT_OK(CreateKek(path_));
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes first, LoadKek(path_));
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes second, LoadKek(path_));
  EXPECT_EQ(first.size(), 32u);
  EXPECT_TRUE(first.Equal(second));
}

TEST_F(KekTest, EveryKeyIsNew) {
  ASSERT_OK(CreateKek(path_));
  ASSERT_OK(CreateKek(path_ + "2"));
  EXPECT_FALSE(LoadKek(path_)->Equal(*LoadKek(path_ + "2")));
}

TEST_F(KekTest, ExistingKeyIsNotOverwritten) {
  ASSERT_OK(CreateKek(path_));
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes before, LoadKek(path_));
  EXPECT_THAT(CreateKek(path_), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_TRUE(before.Equal(*LoadKek(path_)));
}

TEST_F(KekTest, MissingFileIsNotFound) {
  EXPECT_THAT(LoadKek(path_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(KekTest, FileOpenToOthersIsRefusedWithTheRepair) {
  ASSERT_OK(CreateKek(path_));
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const absl::Status status = LoadKek(path_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600 " + path_));
}

TEST_F(KekTest, NewlineAtTheEndIsOptional) {
  ASSERT_OK(WriteFileAtomically(path_, std::string(64, 'a'), 0600));
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes kek, LoadKek(path_));
  EXPECT_EQ(
      kek.Expose(crypto::KeyExportToken::IUnderstandThatThisExposesKeys()),
      std::string(32, '\xaa'));
}

struct Case {
  const char* name;
  std::string content;
};

class NotAKekTest : public KekTest,
                    public ::testing::WithParamInterface<Case> {};

TEST_P(NotAKekTest, IsRefusedWithoutRepeatingIt) {
  ASSERT_OK(WriteFileAtomically(path_, GetParam().content, 0600));
  const absl::Status status = LoadKek(path_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("abab")));
}

INSTANTIATE_TEST_SUITE_P(
    All, NotAKekTest,
    ::testing::Values(Case{"Empty", ""}, Case{"Newline", "\n"},
                      Case{"Short", "abababab"},
                      Case{"OneByteShort", std::string(62, 'a')},
                      Case{"OneByteLong", std::string(66, 'a')},
                      Case{"UpperCase", std::string(64, 'A')},
                      Case{"TwoNewlines", std::string(64, 'a') + "\n\n"},
                      Case{"CarriageReturn", std::string(63, 'a') + "\r\n"},
                      Case{"Raw", std::string(32, '\xab')}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::keys
