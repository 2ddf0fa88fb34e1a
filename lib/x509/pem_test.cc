#include "lib/x509/pem.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Bytes(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) {
    bytes.push_back(static_cast<char>(i * 7));
  }
  return bytes;
}

TEST(PemTest, BlocksOfEveryLengthComeBack) {
  for (size_t size = 1; size < 200; ++size) {
    const std::string der = Bytes(size);
    EXPECT_THAT(PemDecodeOne(PemEncode(kPemCsr, der), kPemCsr),
                IsOkAndHolds(der));
  }
}

TEST(PemTest, LinesHave64CharactersAsRfc7468Asks) {
  const std::string pem = PemEncode(kPemCertificate, Bytes(60));
  EXPECT_EQ(pem.find("\n", 28) - 28, 64u);
  EXPECT_EQ(pem.substr(0, 28), "-----BEGIN CERTIFICATE-----\n");
}

TEST(PemTest, SeveralBlocksComeBackInOrder) {
  const std::vector<std::string> ders = {Bytes(3), Bytes(100), Bytes(5)};
  EXPECT_THAT(
      PemDecodeAll(PemEncodeAll(kPemCertificate, ders), kPemCertificate),
      IsOkAndHolds(ders));
}

TEST(PemTest, TextAroundBlocksIsSkipped) {
  const std::string text =
      absl::StrCat("subject=CN = x\n", PemEncode(kPemCertificate, "a"),
                   "\n\nissuer=\n", PemEncode(kPemCrl, "b"), "end");
  EXPECT_THAT(PemDecodeAll(text, kPemCrl), IsOkAndHolds(ElementsAre("b")));
}

TEST(PemTest, WindowsLineEndsAndTrailingBlanksAreFine) {
  const std::string text = absl::StrReplaceAll(
      PemEncode(kPemCertificate, Bytes(99)), {{"\n", " \r\n"}});
  EXPECT_THAT(PemDecodeOne(text, kPemCertificate), IsOkAndHolds(Bytes(99)));
}

TEST(PemTest, TheOldLabelOfRequestsIsTaken) {
  EXPECT_THAT(PemDecodeOne(PemEncode("NEW CERTIFICATE REQUEST", "x"), kPemCsr),
              IsOkAndHolds("x"));
}

struct Case {
  const char* name;
  const char* text;
};
class BadPemTest : public ::testing::TestWithParam<Case> {};
TEST_P(BadPemTest, IsRefused) {
  EXPECT_THAT(PemDecodeOne(GetParam().text, kPemCertificate),
              StatusIs(kInvalid, "PEM_MALFORMED"));
}
const Case kBadPemCases[] = {
    {"Empty", ""},
    {"NoBlock", "hello\n"},
    {"OtherLabel", "-----BEGIN X-----\nYQ==\n-----END X-----\n"},
    {"NoEnd", "-----BEGIN CERTIFICATE-----\nYQ==\n"},
    {"OtherEnd", "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERT-----\n"},
    {"EndFirst",
     "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n"
     "YQ==\n-----END CERTIFICATE-----\n"},
    {"SpoiledBegin",
     "-----BEGIN CERTIFICATE----\nYQ==\n-----END CERTIFICATE-----\n"},
    {"Header",
     "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nYQ==\n"
     "-----END CERTIFICATE-----\n"},
    {"NoPadding",
     "-----BEGIN CERTIFICATE-----\nYQ\n-----END CERTIFICATE-----\n"},
    {"BitsInPadding",
     "-----BEGIN CERTIFICATE-----\nYR==\n-----END CERTIFICATE-----\n"},
    {"BlankWithinALine",
     "-----BEGIN CERTIFICATE-----\nY Q==\n-----END CERTIFICATE-----\n"},
    {"EmptyBlock", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
    {"TwoBlocks",
     "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"
     "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----"}};
INSTANTIATE_TEST_SUITE_P(All, BadPemTest, ::testing::ValuesIn(kBadPemCases),
                         [](const auto& info) { return info.param.name; });

TEST(PemTest, TextAboveTheLimitIsRefusedUnread) {
  EXPECT_THAT(PemDecodeOne(PemEncode(kPemCsr, "x"), kPemCsr, 10),
              StatusIs(kInvalid, "PEM_MALFORMED"));
}

TEST(PemTest, DerPassesThroughEvenWithPemInside) {
  const std::string der =
      absl::StrCat("\x30\x1b", "-----BEGIN CERTIFICATE-----");
  EXPECT_THAT(PemOrDer(der, kPemCertificate), IsOkAndHolds(der));
  EXPECT_THAT(PemOrDer(PemEncode(kPemCertificate, der), kPemCertificate),
              IsOkAndHolds(der));
}

TEST(PemTest, PemAfterTextThatLooksLikeDerIsStillPem) {
  const std::string text =
      absl::StrCat("0 s:CN = a chain as openssl s_client prints it\n",
                   PemEncode(kPemCertificate, "x"));
  EXPECT_THAT(PemOrDer(text, kPemCertificate), IsOkAndHolds("x"));
}

}  // namespace
}  // namespace birthmark::x509
