#include "lib/x509/ocsp_response.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/testing.h"
#include "lib/x509/extension.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/ocsp_response_parser.h"
#include "lib/x509/oid.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

const TestKey& Key() { return TestKey::Shared(crypto::KeyAlgorithm::kP256); }

CertificateTemplateSpec ResponderSpec() {
  CertificateTemplateSpec spec = Ca().LeafSpec();
  spec.extended_key_usages = {Oid(oids::kOcspSigning)};
  spec.ocsp_no_check = true;
  return spec;
}

Certificate ResponderCertificate() {
  return Issue(ResponderSpec(), OcspResponderVariables(Key().spki_der()),
               Ca().issuer_key);
}

const OcspResponder& Responder() {
  static const OcspResponder* responder =
      new OcspResponder(*OcspResponder::New({ResponderCertificate()}));
  return *responder;
}

const OcspIssuerHashes& Hashes() {
  static const OcspIssuerHashes* hashes =
      new OcspIssuerHashes(OcspIssuerHashes::Of(*Ca().issuer));
  return *hashes;
}

const std::string& Id(OcspHash hash = OcspHash::kSha1) {
  static const std::string* sha1 =
      new std::string(Hashes().CertIdDer(OcspHash::kSha1, TestSerial(7)));
  static const std::string* sha256 =
      new std::string(Hashes().CertIdDer(OcspHash::kSha256, TestSerial(8)));
  return hash == OcspHash::kSha1 ? *sha1 : *sha256;
}

OcspAnswer Revoked() {
  OcspAnswer answer;
  answer.cert_id.der = Id();
  answer.status = OcspCertStatus::kRevoked;
  answer.revocation_time = TestTime() - absl::Hours(3);
  answer.reason = RevocationReason::kKeyCompromise;
  answer.this_update = TestTime() - absl::Minutes(1);
  answer.next_update = TestTime() + absl::Hours(1);
  answer.archive_cutoff = TestTime() - absl::Hours(1000);
  return answer;
}

OcspAnswer Good() {
  OcspAnswer answer;
  answer.cert_id.der = Id(OcspHash::kSha256);
  answer.status = OcspCertStatus::kGood;
  answer.this_update = TestTime();
  return answer;
}

std::string Signed(const std::vector<OcspAnswer>& answers,
                   std::optional<absl::string_view> nonce = "nonce") {
  const std::string tbs = *Responder().BuildTbs(answers, TestTime(), nonce);
  return *Responder().Assemble(tbs, Key().Sign(tbs));
}

TEST(OcspResponseTest, WhatWasWrittenIsRead) {
  ASSERT_OK_AND_ASSIGN(const OcspResponse response,
                       OcspResponse::Parse(Signed({Revoked(), Good()})));
  EXPECT_EQ(response->status, OcspResponseStatus::kSuccessful);
  EXPECT_EQ(response->produced_at, TestTime());
  EXPECT_EQ(response->nonce, "nonce");
  ASSERT_THAT(response->certificates, SizeIs(1));
  ASSERT_THAT(response->answers, SizeIs(2));
  const OcspAnswer* revoked = response.Find(Hashes(), TestSerial(7));
  ASSERT_EQ(revoked, &response->answers[0]);
  EXPECT_EQ(revoked->cert_id.der, Id());
  EXPECT_EQ(revoked->status, OcspCertStatus::kRevoked);
  EXPECT_EQ(revoked->revocation_time, Revoked().revocation_time);
  EXPECT_EQ(revoked->reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(revoked->this_update, Revoked().this_update);
  EXPECT_EQ(revoked->next_update, Revoked().next_update);
  EXPECT_EQ(revoked->archive_cutoff, Revoked().archive_cutoff);
  const OcspAnswer* good = response.Find(Hashes(), TestSerial(8));
  ASSERT_EQ(good, &response->answers[1]);
  EXPECT_EQ(good->status, OcspCertStatus::kGood);
  EXPECT_FALSE(good->next_update.has_value());
  EXPECT_FALSE(good->archive_cutoff.has_value());
  EXPECT_EQ(response.Find(Hashes(), TestSerial(9)), nullptr);
  EXPECT_EQ(response.Find(OcspIssuerHashes::Of(*Ca().root), TestSerial(7)),
            nullptr);
}

TEST(OcspResponseTest, UnspecifiedReasonsAreLeftOut) {
  OcspAnswer answer = Revoked();
  answer.reason = RevocationReason::kUnspecified;
  answer.archive_cutoff.reset();
  OcspAnswer unknown = Good();
  unknown.status = OcspCertStatus::kUnknown;
  ASSERT_OK_AND_ASSIGN(
      const OcspResponse response,
      OcspResponse::Parse(Signed({answer, unknown}, std::nullopt)));
  EXPECT_EQ(response->answers[0].reason, RevocationReason::kUnspecified);
  EXPECT_EQ(response->answers[1].status, OcspCertStatus::kUnknown);
  EXPECT_FALSE(response->nonce.has_value());
}

TEST(OcspResponseTest, ErrorsSayTheirStatusAlone) {
  for (const OcspResponseStatus status :
       {OcspResponseStatus::kMalformedRequest,
        OcspResponseStatus::kInternalError, OcspResponseStatus::kTryLater,
        OcspResponseStatus::kSigRequired, OcspResponseStatus::kUnauthorized}) {
    ASSERT_OK_AND_ASSIGN(const OcspResponse response,
                         OcspResponse::Parse(OcspErrorDer(status)));
    EXPECT_EQ(response->status, status);
    EXPECT_THAT(response->answers, IsEmpty());
    EXPECT_THAT(response.VerifySignatureBy(Key().public_key()),
                StatusIs(kUnauthenticated, "OCSP_SIGNATURE_INVALID"));
    EXPECT_THAT(response.VerifyAuthorized(*Ca().issuer, TestTime()),
                StatusIs(kUnauthenticated, "OCSP_SIGNATURE_INVALID"));
  }
  EXPECT_EQ(OcspErrorDer(OcspResponseStatus::kSuccessful), "");
}

TEST(OcspResponseTest, TheIssuersResponderSpeaksForIt) {
  const std::string der = Signed({Good()});
  ASSERT_OK_AND_ASSIGN(const OcspResponse response, OcspResponse::Parse(der));
  EXPECT_OK(response.VerifySignatureBy(Key().public_key()));
  EXPECT_OK(response.VerifyAuthorized(*Ca().issuer, TestTime()));
  const auto refused = StatusIs(kUnauthenticated, "OCSP_SIGNATURE_INVALID");
  EXPECT_THAT(response.VerifySignatureBy(Ca().issuer->public_key()), refused);
  EXPECT_THAT(response.VerifyAuthorized(*Ca().root, TestTime()), refused);
  const TestCa twin;
  EXPECT_THAT(response.VerifyAuthorized(*twin.issuer, TestTime()), refused);
  EXPECT_THAT(response.VerifyAuthorized(*Ca().issuer,
                                        TestTime() + absl::Hours(24 * 400)),
              refused);
  DerNode node = DerNode::Parse(der);
  std::string& basic = node.At({1, 0, 1}).content;
  DerNode inner = DerNode::Parse(basic);
  inner.At({0, 1}).content[3] ^= 1;  // producedAt
  basic = inner.Encode();
  ASSERT_OK_AND_ASSIGN(const OcspResponse spoiled,
                       OcspResponse::Parse(node.Encode()));
  EXPECT_THAT(spoiled.VerifyAuthorized(*Ca().issuer, TestTime()), refused);
}

TEST(OcspResponseTest, AClientOfTheIssuerDoesNotSpeakForIt) {
  for (const absl::string_view usage :
       {oids::kClientAuth, oids::kAnyExtendedKeyUsage}) {
    CertificateTemplateSpec spec = ResponderSpec();
    spec.extended_key_usages = {Oid(usage)};
    ASSERT_OK_AND_ASSIGN(
        const OcspResponder responder,
        OcspResponder::New({Issue(
            spec, OcspResponderVariables(Key().spki_der()), Ca().issuer_key)}));
    ASSERT_OK_AND_ASSIGN(
        const std::string tbs,
        responder.BuildTbs({Good()}, TestTime(), std::nullopt));
    ASSERT_OK_AND_ASSIGN(const std::string der,
                         responder.Assemble(tbs, Key().Sign(tbs)));
    ASSERT_OK_AND_ASSIGN(const OcspResponse response, OcspResponse::Parse(der));
    EXPECT_THAT(response.VerifyAuthorized(*Ca().issuer, TestTime()),
                StatusIs(kUnauthenticated, "OCSP_SIGNATURE_INVALID"));
  }
}

TEST(OcspResponseTest, TheIssuerSpeaksForItself) {
  ASSERT_OK_AND_ASSIGN(
      const OcspResponder responder,
      OcspResponder::New({*Ca().issuer, Ca().issuer_key.algorithm(),
                          /*send_certificate=*/false}));
  ASSERT_OK_AND_ASSIGN(const std::string tbs,
                       responder.BuildTbs({Good()}, TestTime(), std::nullopt));
  ASSERT_OK_AND_ASSIGN(const std::string der,
                       responder.Assemble(tbs, Ca().issuer_key.Sign(tbs)));
  ASSERT_OK_AND_ASSIGN(const OcspResponse response, OcspResponse::Parse(der));
  EXPECT_THAT(response->certificates, IsEmpty());
  EXPECT_OK(response.VerifyAuthorized(*Ca().issuer, TestTime()));
}

struct BadAnswerCase {
  const char* name;
  std::function<void(OcspAnswer&)> spoil;
  const char* field;
};
class BadOcspAnswerTest : public ::testing::TestWithParam<BadAnswerCase> {};
TEST_P(BadOcspAnswerTest, IsNotWritten) {
  OcspAnswer answer = Revoked();
  GetParam().spoil(answer);
  const auto tbs = Responder().BuildTbs({answer}, TestTime(), std::nullopt);
  EXPECT_THAT(tbs, StatusIs(kInvalid, "OCSP_INVALID"));
  EXPECT_THAT(tbs, HasMetadata("field", GetParam().field));
}
const BadAnswerCase kBadAnswerCases[] = {
    {"NoCertId", [](OcspAnswer& a) { a.cert_id.der = ""; }, "cert_id"},
    {"NextUpdateBefore",
     [](OcspAnswer& a) { a.next_update = a.this_update - absl::Seconds(1); },
     "next_update"},
    {"RemoveFromCrl",
     [](OcspAnswer& a) { a.reason = RevocationReason::kRemoveFromCrl; },
     "reason"},
    {"TimeWithoutBounds",
     [](OcspAnswer& a) { a.revocation_time = absl::InfinitePast(); },
     "answers"}};
INSTANTIATE_TEST_SUITE_P(All, BadOcspAnswerTest,
                         ::testing::ValuesIn(kBadAnswerCases),
                         [](const auto& info) { return info.param.name; });

TEST(OcspResponseTest, WhatCannotBeIsNotWritten) {
  const OcspResponder& responder = Responder();
  EXPECT_THAT(responder.BuildTbs({}, TestTime(), std::nullopt),
              HasMetadata("field", "answers"));
  EXPECT_THAT(responder.BuildTbs({Good()}, TestTime(), ""),
              HasMetadata("field", "nonce"));
  EXPECT_THAT(responder.BuildTbs({Good()}, TestTime(), std::string(129, 'n')),
              HasMetadata("field", "nonce"));
  EXPECT_THAT(responder.BuildTbs({Good()}, absl::InfinitePast(), std::nullopt),
              HasMetadata("field", "produced_at"));
  EXPECT_THAT(responder.Assemble("", "s"), HasMetadata("field", "signature"));
  EXPECT_THAT(responder.Assemble("t", ""), HasMetadata("field", "signature"));
  EXPECT_THAT(OcspResponder::New({ResponderCertificate(),
                                  crypto::SignatureAlgorithm::kEd25519}),
              HasMetadata("field", "algorithm"));
}

// Each row spoils one thing of a good BasicOCSPResponse. Positions: 0 tbs
// (0 responderID, 1 producedAt, 2 responses, 3 extensions), 1 algorithm,
// 2 signature, 3 certs.
struct SpoiledCase {
  const char* name;
  std::function<void(DerNode&)> spoil;
  const char* where;
};
class SpoiledOcspResponseTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledOcspResponseTest, IsRefusedAndSaysWhere) {
  DerNode node = DerNode::Parse(Signed({Revoked()}));
  DerNode basic = DerNode::Parse(node.At({1, 0, 1}).content);
  GetParam().spoil(basic);
  node.At({1, 0, 1}).content = basic.Encode();
  const auto response = OcspResponse::Parse(node.Encode());
  EXPECT_THAT(response, StatusIs(kInvalid, "OCSP_RESPONSE_MALFORMED"));
  EXPECT_THAT(response, HasMetadata("where", GetParam().where));
}

DerNode Hex(const char* hex) { return DerNode::Parse(*HexDecode(hex)); }
DerNode& Single(DerNode& n) { return n.At({0, 2, 0}); }

const SpoiledCase kSpoiledCases[] = {
    {"TrailingByte", [](DerNode& n) { n.raw = n.Encode() + '\0'; },
     "BasicOCSPResponse"},
    {"UnknownAlgorithm", [](DerNode& n) { n.At({1}) = Hex("300406022a03"); },
     "signatureAlgorithm"},
    {"SpoiledCertificate",
     [](DerNode& n) {
       n.At({3, 0, 0}).children.pop_back();
     },
     "certs"},
    {"NineCertificates",
     [](DerNode& n) {
       auto& list = n.At({3, 0}).children;
       list.resize(9, list[0]);
     },
     "certs"},
    {"FieldAfterCertificates",
     [](DerNode& n) { n.children.push_back(Hex("0500")); }, "certs"},
    {"VersionWrittenOut",
     [](DerNode& n) {
       auto& fields = n.At({0}).children;
       fields.insert(fields.begin(), Hex("a003020100"));
     },
     "version"},
    {"KeyHashTooShort",
     [](DerNode& n) {
       n.At({0, 0, 0}).content.pop_back();
     },
     "responderID"},
    {"ResponderIdOfAnotherKind",
     [](DerNode& n) {
       n.At({0, 0}) = Hex("a3020500");
     },
     "responderID"},
    {"ProducedAtIsUtcTime",
     [](DerNode& n) {
       n.At({0, 1}) = Hex("170d3236303130313030303030305a");
     },
     "producedAt"},
    {"NoAnswers",
     [](DerNode& n) {
       n.At({0, 2}).children.clear();
     },
     "responses"},
    {"StatusOfNoKind", [](DerNode& n) { Single(n).At({1}) = Hex("8300"); },
     "responses"},
    {"GoodWithContent", [](DerNode& n) { Single(n).At({1}) = Hex("800100"); },
     "responses"},
    {"ReasonThatIsNone",
     [](DerNode& n) {
       Single(n).At({1, 1, 0}).content = "\x07";
     },
     "responses"},
    {"NextUpdateBefore",
     [](DerNode& n) {
       Single(n).At({3, 0}).content = "20200101000000Z";
     },
     "responses"},
    {"CutoffIsNoTime",
     [](DerNode& n) {
       Single(n).At({4, 0, 0, 1}).content = *HexDecode("0500");
     },
     "responses"},
    {"UnknownCriticalForOne",
     [](DerNode& n) {
       Single(n).At({4, 0}).children.push_back(
           Hex("300b06022a030101ff04020500"));
     },
     "responses"},
    {"NonceIsNoOctetString",
     [](DerNode& n) {
       n.At({0, 3, 0, 0, 1}).content = "abc";
     },
     "responseExtensions"},
    {"UnknownCritical",
     [](DerNode& n) {
       n.At({0, 3, 0}).children.push_back(Hex("300b06022a030101ff04020500"));
     },
     "responseExtensions"},
    {"FieldAfterExtensions",
     [](DerNode& n) { n.At({0}).children.push_back(Hex("0500")); },
     "responseExtensions"}};
INSTANTIATE_TEST_SUITE_P(All, SpoiledOcspResponseTest,
                         ::testing::ValuesIn(kSpoiledCases),
                         [](const auto& info) { return info.param.name; });

TEST(OcspResponseTest, StatusAndBytesMustFit) {
  const auto where = [](const std::string& der) {
    const auto response = OcspResponse::Parse(der);
    EXPECT_FALSE(response.ok());
    return GetErrorInfo(response.status())->metadata["where"];
  };
  DerNode node = DerNode::Parse(Signed({Good()}));
  node.At({0}).content = "\x01";
  EXPECT_EQ(where(node.Encode()), "responseBytes");
  node.At({0}).content = "\x04";
  EXPECT_EQ(where(node.Encode()), "responseStatus");
  node.At({0}).content = std::string(1, '\0');
  node.At({1, 0, 0}).content = oids::kOcspNonce.data();
  EXPECT_EQ(where(node.Encode()), "responseBytes");
  EXPECT_EQ(where(*HexDecode("30030a0100")), "responseBytes");
  EXPECT_EQ(where(""), "responseStatus");
  EXPECT_EQ(where(std::string(70000, '0')), "size");
}

TEST(OcspResponseTest, NoPrefixIsAResponse) {
  const std::string der = Signed({Revoked()});
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_THAT(OcspResponse::Parse(absl::string_view(der).substr(0, size)),
                StatusIs(kInvalid, "OCSP_RESPONSE_MALFORMED"));
  }
}

}  // namespace
}  // namespace birthmark::x509
