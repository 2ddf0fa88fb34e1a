#include "lib/x509/crl.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/oid.h"
#include "lib/x509/testing.h"
#include "openssl/bytestring.h"
#include "openssl/mem.h"
#include "openssl/x509.h"

namespace birthmark::x509 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

CrlSpec GoodSpec() {
  CrlSpec spec;
  spec.signature_algorithm = Ca().issuer_key.algorithm();
  spec.issuer_name_der = std::string(Ca().issuer.value()->subject_der);
  spec.issuer_key_id = *Ca().issuer.value()->subject_key_id;
  spec.number = 7;
  spec.this_update = TestTime();
  spec.next_update = TestTime() + absl::Hours(24);
  spec.shard_uri = CrlShardUri("http://crl.example/idevid", 3);
  CrlEntry entry;
  entry.serial = TestSerial(4);
  entry.revocation_time = TestTime() - absl::Hours(1);
  spec.entries.push_back(entry);
  entry.serial = TestSerial(5);
  entry.reason = RevocationReason::kKeyCompromise;
  entry.invalidity_time = TestTime() - absl::Hours(2);
  spec.entries.push_back(entry);
  entry.serial = TestSerial(6);
  entry.reason = RevocationReason::kCertificateHold;
  entry.invalidity_time = std::nullopt;
  spec.entries.push_back(entry);
  return spec;
}

std::string Signed(const CrlSpec& spec) {
  const std::string tbs = *BuildCrlTbs(spec);
  return *AssembleCrl(tbs, spec.signature_algorithm, Ca().issuer_key.Sign(tbs));
}

TEST(CrlTest, WhatWasWrittenIsRead) {
  const CrlSpec spec = GoodSpec();
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(spec)));
  EXPECT_EQ(crl->issuer_der, spec.issuer_name_der);
  EXPECT_EQ(crl->authority_key_id, spec.issuer_key_id);
  EXPECT_EQ(crl->number, 7u);
  EXPECT_EQ(crl->this_update, spec.this_update);
  EXPECT_EQ(crl->next_update, spec.next_update);
  EXPECT_THAT(crl->shard_uris, ElementsAre(spec.shard_uri));
  EXPECT_FALSE(crl.is_delta());
  EXPECT_THAT(crl->freshest_uris, IsEmpty());
  ASSERT_EQ(crl->entry_count, 3u);
  CrlEntryReader entries = crl.Entries();
  for (const CrlEntry& want : spec.entries) {
    CrlEntryView entry;
    ASSERT_TRUE(entries.Next(&entry));
    EXPECT_EQ(entry.serial, want.serial);
    EXPECT_EQ(entry.reason, want.reason);
    EXPECT_EQ(entry.revocation_time, want.revocation_time);
    EXPECT_EQ(entry.invalidity_time, want.invalidity_time);
  }
  CrlEntryView none;
  EXPECT_FALSE(entries.Next(&none));
  EXPECT_FALSE(entries.failed());
  EXPECT_OK(crl.VerifySignatureBy(Ca().issuer->public_key()));
  EXPECT_THAT(
      crl.VerifySignatureBy(Ca().root->public_key()),
      StatusIs(absl::StatusCode::kUnauthenticated, "CRL_SIGNATURE_INVALID"));
}

TEST(CrlTest, EntriesAreFoundBySerial) {
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(GoodSpec())));
  for (const int number : {4, 5, 6}) {
    ASSERT_TRUE(crl.Find(TestSerial(number)).has_value());
    EXPECT_EQ(crl.Find(TestSerial(number))->serial, TestSerial(number));
  }
  EXPECT_FALSE(crl.Find(TestSerial(7)).has_value());
  EXPECT_FALSE(crl.Find("").has_value());
}

TEST(CrlTest, BoringSslReadsAndVerifiesWhatWasWritten) {
  const std::string der = Signed(GoodSpec());
  const uint8_t* data = reinterpret_cast<const uint8_t*>(der.data());
  bssl::UniquePtr<X509_CRL> crl(
      d2i_X509_CRL(nullptr, &data, static_cast<long>(der.size())));
  ASSERT_NE(crl, nullptr);
  const std::string& issuer_der = Ca().issuer.value()->der;
  data = reinterpret_cast<const uint8_t*>(issuer_der.data());
  bssl::UniquePtr<X509> issuer(
      d2i_X509(nullptr, &data, static_cast<long>(issuer_der.size())));
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(issuer.get()));
  EXPECT_EQ(X509_CRL_verify(crl.get(), key.get()), 1);
  EXPECT_EQ(X509_CRL_get_version(crl.get()), X509_CRL_VERSION_2);

  const std::string serial = TestSerial(5);
  bssl::UniquePtr<ASN1_INTEGER> number(ASN1_INTEGER_new());
  ASSERT_TRUE(ASN1_STRING_set(number.get(), serial.data(),
                              static_cast<int>(serial.size())));
  X509_REVOKED* revoked = nullptr;
  ASSERT_EQ(X509_CRL_get0_by_serial(crl.get(), &revoked, number.get()), 1);
  int critical = 0;
  bssl::UniquePtr<ASN1_ENUMERATED> reason(static_cast<ASN1_ENUMERATED*>(
      X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, &critical, nullptr)));
  ASSERT_NE(reason, nullptr);
  EXPECT_EQ(ASN1_ENUMERATED_get(reason.get()), 1);
}

TEST(CrlTest, ACrlWithoutEntriesHasNoList) {
  CrlSpec spec = GoodSpec();
  spec.entries.clear();
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(spec)));
  EXPECT_EQ(crl->entry_count, 0u);
  // version, algorithm, issuer, two times, extensions
  EXPECT_EQ(DerNode::Parse(crl->tbs).children.size(), 6u);
}

TEST(CrlTest, ACrlForAllCertificatesHasNoDistributionPoint) {
  CrlSpec spec = GoodSpec();
  spec.shard_uri = "";
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(spec)));
  EXPECT_THAT(crl->shard_uris, IsEmpty());
}

TEST(CrlTest, HundredThousandEntriesAreNoTrouble) {
  CrlSpec spec = GoodSpec();
  spec.entries.clear();
  CrlEntry entry;
  entry.revocation_time = TestTime() - absl::Hours(1);
  entry.reason = RevocationReason::kSuperseded;
  for (int i = 0; i < 100000; ++i) {
    entry.serial = TestSerial(0);
    entry.serial[3] = static_cast<char>(i >> 16);
    entry.serial[4] = static_cast<char>(i >> 8);
    entry.serial[5] = static_cast<char>(i);
    spec.entries.push_back(entry);
  }
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(spec)));
  EXPECT_EQ(crl->entry_count, 100000u);
  EXPECT_TRUE(crl.Find(spec.entries[77777].serial).has_value());
}

TEST(CrlTest, ShardUrisHaveOneForm) {
  EXPECT_EQ(CrlShardUri("http://c.example/i", 0), "http://c.example/i/0.crl");
  EXPECT_EQ(CrlShardUri("http://c.example/i/", 12),
            "http://c.example/i/12.crl");
  EXPECT_EQ(CrlDeltaUri("http://c.example/i/", 12),
            "http://c.example/i/12-delta.crl");
}

CrlSpec DeltaSpec() {
  CrlSpec spec = GoodSpec();
  spec.base_number = 5;
  spec.entries[2].reason = RevocationReason::kRemoveFromCrl;
  return spec;
}

TEST(CrlTest, ADeltaSaysWhatItIsADeltaTo) {
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(DeltaSpec())));
  EXPECT_TRUE(crl.is_delta());
  EXPECT_EQ(crl->base_number, 5u);
  EXPECT_EQ(crl.Find(TestSerial(6))->reason, RevocationReason::kRemoveFromCrl);
  EXPECT_THAT(crl->shard_uris, ElementsAre(GoodSpec().shard_uri));
}

TEST(CrlTest, ACompleteCrlSaysWhereItsDeltaIs) {
  CrlSpec spec = GoodSpec();
  spec.freshest_uri = CrlDeltaUri("http://crl.example/idevid", 3);
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(Signed(spec)));
  EXPECT_THAT(crl->freshest_uris, ElementsAre(spec.freshest_uri));
}

TEST(CrlTest, EntriesOfOthersAreFoundInAnyOrder) {
  DerNode node = DerNode::Parse(Signed(GoodSpec()));
  auto& entries = node.At({0, 5}).children;
  std::swap(entries[0], entries[2]);
  ASSERT_OK_AND_ASSIGN(const Crl crl, Crl::Parse(node.Encode()));
  EXPECT_FALSE(crl->ascending);
  for (const int number : {4, 5, 6}) {
    ASSERT_TRUE(crl.Find(TestSerial(number)).has_value());
    EXPECT_EQ(crl.Find(TestSerial(number))->serial, TestSerial(number));
  }
}

TEST(CrlTest, AReaderStopsAtASpoiledEntry) {
  const std::string entries = *HexDecode("3003020105");
  CrlEntryReader reader(entries);
  CrlEntryView entry;
  EXPECT_FALSE(reader.Next(&entry));
  EXPECT_TRUE(reader.failed());
  EXPECT_FALSE(reader.Next(&entry));
}

struct BadSpecCase {
  const char* name;
  std::function<void(CrlSpec&)> spoil;
  const char* field;
};
class BadCrlSpecTest : public ::testing::TestWithParam<BadSpecCase> {};
TEST_P(BadCrlSpecTest, IsRefused) {
  CrlSpec spec = GoodSpec();
  GetParam().spoil(spec);
  const auto tbs = BuildCrlTbs(spec);
  EXPECT_THAT(tbs, StatusIs(kInvalid, "CRL_INVALID"));
  EXPECT_THAT(tbs, HasMetadata("field", GetParam().field));
}
const BadSpecCase kBadCrlSpecCases[] = {
    {"NoIssuer", [](CrlSpec& s) { s.issuer_name_der = ""; }, "issuer"},
    {"NoKeyId", [](CrlSpec& s) { s.issuer_key_id = ""; }, "issuer_key_id"},
    {"NextUpdateNotLater", [](CrlSpec& s) { s.next_update = s.this_update; },
     "next_update"},
    {"BlankInUri", [](CrlSpec& s) { s.shard_uri = "a b"; }, "shard_uri"},
    {"SerialTwice", [](CrlSpec& s) { s.entries.push_back(s.entries[0]); },
     "entry"},
    {"EmptySerial", [](CrlSpec& s) { s.entries[0].serial = ""; }, "entry"},
    {"RemoveFromCrl",
     [](CrlSpec& s) { s.entries[0].reason = RevocationReason::kRemoveFromCrl; },
     "entry"},
    {"NotAscending", [](CrlSpec& s) { std::swap(s.entries[0], s.entries[1]); },
     "entry"},
    {"BlankInFreshestUri", [](CrlSpec& s) { s.freshest_uri = "a b"; },
     "freshest_uri"},
    {"BaseAboveNumber", [](CrlSpec& s) { s.base_number = 8; }, "base_number"},
    {"DeltaOfADelta",
     [](CrlSpec& s) {
       s.base_number = 5;
       s.freshest_uri = "http://crl.example/d";
     },
     "base_number"}};
INSTANTIATE_TEST_SUITE_P(All, BadCrlSpecTest,
                         ::testing::ValuesIn(kBadCrlSpecCases),
                         [](const auto& info) { return info.param.name; });

// Each row spoils one thing of a good CRL. Positions: 0 tbs (0 version,
// 1 algorithm, 2 issuer, 3 and 4 times, 5 entries, 6 extensions).
struct SpoiledCase {
  const char* name;
  std::function<void(DerNode&)> spoil;
  const char* where;
};
class SpoiledCrlTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledCrlTest, IsRefusedAndSaysWhere) {
  DerNode node = DerNode::Parse(Signed(GoodSpec()));
  GetParam().spoil(node);
  const auto crl = Crl::Parse(node.Encode());
  EXPECT_THAT(crl, StatusIs(kInvalid, "CRL_MALFORMED"));
  EXPECT_THAT(crl, HasMetadata("where", GetParam().where));
}

DerNode& Extensions(DerNode& n) { return n.At({0, 6, 0}); }

void AddExtension(DerNode& n, const char* hex) {
  Extensions(n).children.push_back(DerNode::Parse(*HexDecode(hex)));
}

const SpoiledCase kSpoiledCrlCases[] = {
    {"TrailingByte", [](DerNode& n) { n.raw = n.Encode() + '\0'; },
     "outer SEQUENCE"},
    {"Version1",
     [](DerNode& n) {
       n.At({0, 0}).content[0] = 0;
     },
     "version"},
    {"AlgorithmsDiffer",
     [](DerNode& n) {
       n.At({0, 1}) = DerNode::Parse(crypto::AlgorithmIdentifierDer(
           crypto::SignatureAlgorithm::kEcdsaSha384));
     },
     "signature"},
    {"NoNextUpdate",
     [](DerNode& n) {
       auto& fields = n.At({0}).children;
       fields.erase(fields.begin() + 4);
     },
     "update times"},
    {"EmptyList",
     [](DerNode& n) {
       n.At({0, 5}).children.clear();
     },
     "revokedCertificates"},
    {"NegativeSerial",
     [](DerNode& n) {
       n.At({0, 5, 0, 0}).content = "\xff\1";
     },
     "revokedCertificates"},
    {"ReasonThatIsNone",
     [](DerNode& n) {
       n.At({0, 5, 1, 2, 0, 1}).content = "\x0a\x01\x07";
     },
     "revokedCertificates"},
    {"UnknownCriticalInEntry",
     [](DerNode& n) {
       n.At({0, 5, 1, 2})
           .children.push_back(
               DerNode::Parse(*HexDecode("300b06022a030101ff04020500")));
     },
     "revokedCertificates"},
    {"NoExtensions", [](DerNode& n) { n.At({0}).children.pop_back(); },
     "crlExtensions"},
    {"NoNumber",
     [](DerNode& n) {
       auto& list = Extensions(n).children;
       list.erase(list.begin() + 1);
     },
     "crlExtensions"},
    {"NoAuthorityKeyId",
     [](DerNode& n) {
       auto& list = Extensions(n).children;
       list.erase(list.begin());
     },
     "crlExtensions"},
    {"ExtensionTwice",
     [](DerNode& n) {
       Extensions(n).children.push_back(Extensions(n).At({0}));
     },
     "crlExtensions"},
    {"DeltaIndicatorNotCritical",
     [](DerNode& n) { AddExtension(n, "300a0603551d1b0403020101"); },
     "crlExtensions"},
    {"DeltaIndicatorIsNoNumber",
     [](DerNode& n) { AddExtension(n, "300c0603551d1b0101ff04020500"); },
     "crlExtensions"},
    {"BaseAboveNumber",
     [](DerNode& n) { AddExtension(n, "300d0603551d1b0101ff0403020108"); },
     "crlExtensions"},
    {"DeltaOfADelta",
     [](DerNode& n) {
       AddExtension(n, "300d0603551d1b0101ff0403020101");
       AddExtension(n, "30120603551d2e040b30093007a005a003860161");
     },
     "crlExtensions"},
    {"FreshestCrlIsNone",
     [](DerNode& n) { AddExtension(n, "30090603551d2e04020500"); },
     "crlExtensions"},
    {"RemoveFromACompleteCrl",
     [](DerNode& n) {
       n.At({0, 5, 1, 2, 0, 1}).content = "\x0a\x01\x08";
     },
     "revokedCertificates"},
    {"SerialTwiceOutOfOrder",
     [](DerNode& n) {
       auto& entries = n.At({0, 5}).children;
       entries.push_back(entries[0]);
     },
     "revokedCertificates"},
    {"UnknownCritical",
     [](DerNode& n) { AddExtension(n, "300b06022a030101ff04020500"); },
     "crlExtensions"},
    {"IndirectCrl",
     [](DerNode& n) {
       FindExtension(Extensions(n), oids::kIssuingDistributionPoint)
           .At({2})
           .content = *HexDecode("30038401ff");
     },
     "crlExtensions"},
    {"DistributionPointNotCritical",
     [](DerNode& n) {
       auto& fields =
           FindExtension(Extensions(n), oids::kIssuingDistributionPoint)
               .children;
       fields.erase(fields.begin() + 1);
     },
     "crlExtensions"}};
INSTANTIATE_TEST_SUITE_P(All, SpoiledCrlTest,
                         ::testing::ValuesIn(kSpoiledCrlCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::x509
