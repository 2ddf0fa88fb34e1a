#include "services/cli/item_files.h"

#include <filesystem>
#include <string>

#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/x509/pem.h"
#include "services/cli/provision_testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

class ItemFilesTest : public testing::Test {
 protected:
  ItemFilesTest()
      : dir_(testing::TempDir() + "/" +
             testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }
  void Write(const std::string& name, const std::string& bytes) const {
    ASSERT_OK(WriteFileAtomically(Path(name), bytes, 0644));
  }

  const std::string dir_;
  const ItemFiles files_{dir_, dir_};
  const PlannedItem item_{.id = "a"};
};

TEST_F(ItemFilesTest, PemAndDerAreTheSameCsr) {
  const std::string der = MakeTestCsr();
  Write("a.csr", der);
  ASSERT_OK_AND_ASSIGN(const LoadedCsr from_der, files_.Load(item_));
  Write("a.csr", x509::PemEncode(x509::kPemCsr, der));
  ASSERT_OK_AND_ASSIGN(const LoadedCsr from_pem, files_.Load(item_));
  EXPECT_EQ(from_der.der, der);
  EXPECT_EQ(from_pem.der, der);
  EXPECT_EQ(from_pem.spki_sha256.size(), 32u);
  EXPECT_EQ(from_pem.spki_sha256, from_der.spki_sha256);
}

TEST_F(ItemFilesTest, WhatItCannotReadIsForTheServiceToJudge) {
  Write("a.csr", "this is no CSR");
  ASSERT_OK_AND_ASSIGN(const LoadedCsr csr, files_.Load(item_));
  EXPECT_EQ(csr.der, "this is no CSR");
  EXPECT_EQ(csr.spki_sha256, "");
}

TEST_F(ItemFilesTest, RemovesWhatAKilledProcessLeftAndNothingElse) {
  Write("a.pem.tmp.Xy12zA", "half a certific");
  for (const char* name : {"a.pem", "a.csr", "b.pem.tmp.notours", "a.tmp"}) {
    Write(name, "keep");
  }
  files_.RemoveLeftovers();
  EXPECT_FALSE(std::filesystem::exists(Path("a.pem.tmp.Xy12zA")));
  for (const char* name : {"a.pem", "a.csr", "b.pem.tmp.notours", "a.tmp"}) {
    EXPECT_TRUE(std::filesystem::exists(Path(name))) << name;
  }
}

struct BadCsr {
  const char* name;
  std::string bytes;
  absl::StatusCode code;
  absl::string_view reason;
};
class ItemFilesBadCsrTest : public ItemFilesTest,
                            public testing::WithParamInterface<BadCsr> {};

TEST_P(ItemFilesBadCsrTest, FailsTheItem) {
  Write("a.csr", GetParam().bytes);
  EXPECT_THAT(files_.Load(item_), StatusIs(GetParam().code, GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, ItemFilesBadCsrTest,
    testing::Values(BadCsr{"SpoiledPem",
                           "-----BEGIN CERTIFICATE REQUEST-----\n###\n"
                           "-----END CERTIFICATE REQUEST-----\n",
                           absl::StatusCode::kInvalidArgument,
                           ::birthmark::reasons::kCsrMalformed},
                    BadCsr{"TooLarge", std::string(65 << 10, '0'),
                           absl::StatusCode::kInvalidArgument,
                           ::birthmark::reasons::kCsrTooLarge}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(ItemFilesTest, AMissingCsrIsNamed) {
  EXPECT_THAT(files_.Load(item_),
              StatusIs(absl::StatusCode::kNotFound, reasons::kCsrMissing));
}

TEST_F(ItemFilesTest, WhatWasStoredIsDone) {
  const std::string csr = MakeTestCsr();
  Write("a.csr", csr);
  EXPECT_THAT(files_.IsDone(item_), IsOkAndHolds(false));
  ASSERT_OK_AND_ASSIGN(const LoadedCsr loaded, files_.Load(item_));
  const std::string certificate = MakeTestCertificate(csr);
  ASSERT_OK(files_.Store(item_, loaded.spki_sha256, certificate,
                         {MakeTestCertificate(MakeTestCsr())}));
  EXPECT_THAT(files_.IsDone(item_), IsOkAndHolds(true));
  ASSERT_OK_AND_ASSIGN(const std::string pem, ReadFile(Path("a.pem")));
  ASSERT_OK_AND_ASSIGN(const auto blocks,
                       x509::PemDecodeAll(pem, x509::kPemCertificate));
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0], certificate);
}

TEST_F(ItemFilesTest, ACertificateForAnotherKeyIsNeitherKeptNorOverwritten) {
  Write("a.csr", MakeTestCsr());
  ASSERT_OK_AND_ASSIGN(const LoadedCsr loaded, files_.Load(item_));
  const std::string foreign = MakeTestCertificate(MakeTestCsr());
  EXPECT_THAT(
      files_.Store(item_, loaded.spki_sha256, foreign, {}),
      StatusIs(absl::StatusCode::kInternal, reasons::kWrongCertificate));
  EXPECT_FALSE(std::filesystem::exists(Path("a.pem")));
  Write("a.pem", x509::PemEncode(x509::kPemCertificate, foreign));
  EXPECT_THAT(files_.IsDone(item_), StatusIs(absl::StatusCode::kAlreadyExists,
                                             reasons::kOutputMismatch));
}

TEST_F(ItemFilesTest, AnOutputThatIsNoCertificateIsNotDone) {
  Write("a.csr", MakeTestCsr());
  Write("a.pem", "");
  EXPECT_THAT(files_.IsDone(item_), IsOkAndHolds(false));
}

TEST_F(ItemFilesTest, AnOutputThatCannotBeWrittenIsALocalError) {
  const std::string csr = MakeTestCsr();
  Write("a.csr", csr);
  const ItemFiles nowhere(dir_, dir_ + "/missing");
  ASSERT_OK_AND_ASSIGN(const LoadedCsr loaded, nowhere.Load(item_));
  EXPECT_THAT(
      nowhere.Store(item_, loaded.spki_sha256, MakeTestCertificate(csr), {}),
      StatusIs(absl::StatusCode::kNotFound, reasons::kFileUnusable));
}

}  // namespace
}  // namespace birthmark::cli
