#include "lib/x509/jws.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

using crypto::KeyAlgorithm;
using testing::ElementsAre;

std::string Sign(const TestKey& key, const JwsHeader& header,
                 absl::string_view payload) {
  const KeyAlgorithm algorithm = key.public_key().algorithm();
  const std::string input = JwsSigningInput(algorithm, header, payload);
  return AssembleJws(algorithm, input, key.Sign(input)).value();
}

std::string Compact(absl::string_view header, absl::string_view payload = "{}",
                    size_t signature = 64) {
  return absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(payload),
                      ".", Base64UrlEncode(std::string(signature, 'a')));
}

class JwsAlgorithmTest : public testing::TestWithParam<KeyAlgorithm> {};

TEST_P(JwsAlgorithmTest, WhatIsSignedVerifies) {
  const TestKey& key = TestKey::Shared(GetParam());
  JwsHeader header;
  header.type = "example+jws";
  header.key_id = "a \"key\"";
  const std::string text = Sign(key, header, R"({"a":1})");
  ASSERT_OK_AND_ASSIGN(const Jws jws, Jws::Parse(text));
  EXPECT_EQ(jws.key_algorithm(), GetParam());
  EXPECT_EQ(jws.header().type, "example+jws");
  EXPECT_EQ(jws.header().key_id, "a \"key\"");
  EXPECT_TRUE(jws.header().chain_der.empty());
  EXPECT_EQ(jws.payload(), R"({"a":1})");
  EXPECT_OK(jws.Verify(key.public_key()));
  // Another key, of the same kind and of every other.
  EXPECT_THAT(jws.Verify(TestKey(GetParam()).public_key()),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       reasons::kSignatureInvalid));
  for (const KeyAlgorithm other :
       {KeyAlgorithm::kP256, KeyAlgorithm::kP384, KeyAlgorithm::kEd25519,
        KeyAlgorithm::kRsa}) {
    if (other != GetParam()) {
      EXPECT_THAT(jws.Verify(TestKey::Shared(other).public_key()),
                  StatusIs(absl::StatusCode::kPermissionDenied,
                           reasons::kSignatureInvalid));
    }
  }
}

TEST_P(JwsAlgorithmTest, ASpoiledOneDoesNotVerify) {
  const TestKey& key = TestKey::Shared(GetParam());
  const std::string text = Sign(key, {}, R"({"a":1})");
  for (size_t i = 0; i < text.size(); i += 3) {
    std::string spoiled = text;
    spoiled[i] = spoiled[i] == 'A' ? 'B' : 'A';
    const auto jws = Jws::Parse(spoiled);
    if (jws.ok()) {
      EXPECT_THAT(jws->Verify(key.public_key()),
                  StatusIs(absl::StatusCode::kPermissionDenied,
                           reasons::kSignatureInvalid))
          << i;
    } else {
      EXPECT_EQ(Reason(jws.status()), reasons::kJwsMalformed) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, JwsAlgorithmTest,
    testing::Values(KeyAlgorithm::kP256, KeyAlgorithm::kP384,
                    KeyAlgorithm::kEd25519, KeyAlgorithm::kRsa),
    [](const auto& info) {
      return absl::StrReplaceAll(crypto::KeyAlgorithmName(info.param),
                                 {{"-", ""}});
    });

// Keys as DER: the header of a SubjectPublicKeyInfo, then what the vector
// gives.
crypto::PublicKey KeyOf(absl::string_view header_hex,
                        const std::vector<const char*>& parts) {
  std::string spki = HexDecode(header_hex).value();
  for (const char* part : parts) {
    spki += Base64UrlDecode(part).value();
  }
  return crypto::PublicKey::Parse(spki).value();
}

constexpr char kExamplePayload[] =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
    "\"http://example.com/is_root\":true}";

TEST(JwsVectorTest, Rfc7515A2Rs256) {
  std::string spki_tail = HexDecode("0203010001").value();
  std::string spki =
      HexDecode(
          "30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
          .value();
  spki +=
      Base64UrlDecode(
          "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-"
          "Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b"
          "32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"
          "KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5"
          "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54"
          "h4FRWyuXpoQ")
          .value();
  ASSERT_OK_AND_ASSIGN(const crypto::PublicKey key,
                       crypto::PublicKey::Parse(spki + spki_tail));
  ASSERT_OK_AND_ASSIGN(
      const Jws jws,
      Jws::Parse(
          "eyJhbGciOiJSUzI1NiJ9."
          "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx"
          "lLmNvbS9pc19yb290Ijp0cnVlfQ."
          "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuH"
          "Im4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFd"
          "iuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eS"
          "N9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI"
          "2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe7"
          "7Rw"));
  EXPECT_EQ(jws.payload(), kExamplePayload);
  EXPECT_OK(jws.Verify(key));
}

TEST(JwsVectorTest, Rfc7515A3Es256) {
  const crypto::PublicKey key =
      KeyOf("3059301306072a8648ce3d020106082a8648ce3d03010703420004",
            {"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
             "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
  ASSERT_OK_AND_ASSIGN(
      const Jws jws,
      Jws::Parse(
          "eyJhbGciOiJFUzI1NiJ9."
          "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx"
          "lLmNvbS9pc19yb290Ijp0cnVlfQ."
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ"
          "xfKTUJqPP3-Kg6NU1Q"));
  EXPECT_EQ(jws.payload(), kExamplePayload);
  EXPECT_OK(jws.Verify(key));
}

TEST(JwsVectorTest, Rfc8037A4EdDsa) {
  const crypto::PublicKey key =
      KeyOf("302a300506032b6570032100",
            {"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
  ASSERT_OK_AND_ASSIGN(
      const Jws jws,
      Jws::Parse("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                 "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGj"
                 "g5BhVsPt9g7sVvpAr_MuM0KAg"));
  EXPECT_EQ(jws.payload(), "Example of Ed25519 signing");
  EXPECT_OK(jws.Verify(key));
}

struct BadCase {
  const char* name;
  std::string text;
};
class BadJwsTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadJwsTest, IsRefused) {
  EXPECT_THAT(
      Jws::Parse(GetParam().text),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kJwsMalformed));
}

std::string X5c(int certificates) {
  std::string header = R"({"alg":"ES256","x5c":[)";
  for (int i = 0; i < certificates; ++i) {
    absl::StrAppend(&header, i == 0 ? "" : ",", "\"MAA=\"");
  }
  return header + "]}";
}

INSTANTIATE_TEST_SUITE_P(
    All, BadJwsTest,
    testing::Values(
        BadCase{"Empty", ""}, BadCase{"Dots", ".."},
        BadCase{"TwoParts", "eyJhbGciOiJFUzI1NiJ9.e30"},
        BadCase{"FourParts", Compact(R"({"alg":"ES256"})") + "."},
        BadCase{"Padding", "eyJhbGciOiJFUzI1NiJ9.e30=." +
                               Base64UrlEncode(std::string(64, 'a'))},
        BadCase{"NewLine", Compact(R"({"alg":"ES256"})") + "\n"},
        BadCase{"NoHeader", Compact("")}, BadCase{"NotJson", Compact("alg")},
        BadCase{"NoAlgorithm", Compact("{}")},
        // RFC 7515 A.5, and what has no key that could be checked.
        BadCase{"None", "eyJhbGciOiJub25lIn0.e30."},
        BadCase{"NoneWithSignature", Compact(R"({"alg":"none"})")},
        BadCase{"Hmac", Compact(R"({"alg":"HS256"})", "{}", 32)},
        BadCase{"Pss", Compact(R"({"alg":"PS256"})", "{}", 256)},
        BadCase{"LowerCase", Compact(R"({"alg":"es256"})")},
        BadCase{"AlgorithmTwice", Compact(R"({"alg":"ES256","alg":"ES256"})")},
        BadCase{"AlgorithmNumber", Compact(R"({"alg":256})")},
        BadCase{"Critical", Compact(R"({"alg":"ES256","crit":["exp"]})")},
        BadCase{"CriticalEmpty", Compact(R"({"alg":"ES256","crit":[]})")},
        BadCase{"Unencoded", Compact(R"({"alg":"ES256","b64":false})")},
        BadCase{"TypeNumber", Compact(R"({"alg":"ES256","typ":1})")},
        BadCase{"KeyIdNull", Compact(R"({"alg":"ES256","kid":null})")},
        BadCase{"ChainText", Compact(R"({"alg":"ES256","x5c":"MAA="})")},
        BadCase{"ChainEmpty", Compact(X5c(0))},
        BadCase{"ChainLong", Compact(X5c(9))},
        BadCase{"ChainNumber", Compact(R"({"alg":"ES256","x5c":[1]})")},
        BadCase{"ChainUrl", Compact(R"({"alg":"ES256","x5c":["-_-_"]})")},
        BadCase{"ShortSignature", Compact(R"({"alg":"ES256"})", "{}", 63)},
        BadCase{"LongSignature", Compact(R"({"alg":"ES384"})", "{}", 97)},
        BadCase{"NoSignature", Compact(R"({"alg":"RS256"})", "{}", 0)},
        BadCase{"LongHeader", Compact(R"({"alg":"ES256","a":")" +
                                      std::string(33000, 'a') + "\"}")},
        BadCase{"TooLong", Compact(R"({"alg":"ES256"})",
                                   std::string(size_t{200} << 10, 'a'))}),
    [](const auto& info) { return info.param.name; });

TEST(JwsTest, TheLimitIsTheCallers) {
  const std::string text = Compact(R"({"alg":"ES256"})");
  EXPECT_OK(Jws::Parse(text, text.size()));
  EXPECT_THAT(
      Jws::Parse(text, text.size() - 1),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kJwsMalformed));
}

TEST(JwsTest, OtherMembersAreNotLookedAt) {
  EXPECT_OK(Jws::Parse(Compact(
      R"({"alg":"ES256","jku":"http://example.com","jwk":{"kty":"EC"}})")));
}

TEST(JwsTest, ASignatureOfAnotherFormIsNotAssembled) {
  EXPECT_THAT(
      AssembleJws(KeyAlgorithm::kP256, "a.b", std::string(64, 'a')),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kJwsMalformed));
  EXPECT_THAT(
      AssembleJws(KeyAlgorithm::kEd25519, "a.b", ""),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kJwsMalformed));
}

class JwsBundleTest : public testing::Test {
 protected:
  JwsBundleTest() : key_(KeyAlgorithm::kP256) {
    spec_ = ca_.LeafSpec();
    spec_.extended_key_usages = {Oid(oids::kDocumentSigning)};
  }

  std::string SignedBy(const CertificateTemplateSpec& spec) {
    const std::string spki = key_.spki_der();
    const Certificate signer =
        Issue(spec, OcspResponderVariables(spki), ca_.issuer_key);
    JwsHeader header;
    header.chain_der = {signer->der, (*ca_.issuer)->der, (*ca_.root)->der};
    return Sign(key_, header, "{}");
  }

  absl::Status Verify(const std::string& text, absl::Time at_time,
                      const Certificate& root) {
    const std::vector<Certificate> roots = {root};
    return Jws::Parse(text)->VerifyWithBundle(roots, at_time).status();
  }

  TestCa ca_;
  TestKey key_;
  CertificateTemplateSpec spec_;
};

TEST_F(JwsBundleTest, TheChainLeadsToARootOfTheCallers) {
  const std::string text = SignedBy(spec_);
  EXPECT_OK(Verify(text, TestTime(), *ca_.root));
  const TestCa other("Other");
  EXPECT_THAT(Verify(text, TestTime(), *other.root),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateUnknown));
}

TEST_F(JwsBundleTest, TheTimeIsTheCallers) {
  const std::string text = SignedBy(spec_);
  EXPECT_THAT(Verify(text, TestTime() + 91 * absl::Hours(24), *ca_.root),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateExpired));
}

TEST_F(JwsBundleTest, ACertificateForAnotherUseSignsNothing) {
  for (const std::vector<Oid>& usages : {std::vector<Oid>{},
                                         {Oid(oids::kClientAuth)},
                                         {Oid(oids::kAnyExtendedKeyUsage)}}) {
    spec_.extended_key_usages = usages;
    EXPECT_THAT(Verify(SignedBy(spec_), TestTime(), *ca_.root),
                StatusIs(absl::StatusCode::kUnauthenticated,
                         reasons::kCertificateUsage));
  }
}

TEST_F(JwsBundleTest, TheSignatureIsTheFirstCertificates) {
  const std::string spki = TestKey(KeyAlgorithm::kP256).spki_der();
  const Certificate another =
      Issue(spec_, OcspResponderVariables(spki), ca_.issuer_key);
  JwsHeader header;
  header.chain_der = {another->der, (*ca_.issuer)->der};
  EXPECT_THAT(Verify(Sign(key_, header, "{}"), TestTime(), *ca_.root),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       reasons::kSignatureInvalid));
}

TEST_F(JwsBundleTest, WithoutAChainThereIsNothingToCheck) {
  EXPECT_THAT(
      Verify(Sign(key_, {}, "{}"), TestTime(), *ca_.root),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kJwsMalformed));
  JwsHeader header;
  header.chain_der = {"not a certificate"};
  EXPECT_THAT(Verify(Sign(key_, header, "{}"), TestTime(), *ca_.root),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       reasons::kCertificateMalformed));
}

TEST_F(JwsBundleTest, TheHeaderHoldsTheChain) {
  ASSERT_OK_AND_ASSIGN(const Jws jws, Jws::Parse(SignedBy(spec_)));
  EXPECT_THAT(jws.header().chain_der,
              ElementsAre(testing::_, (*ca_.issuer)->der, (*ca_.root)->der));
}

}  // namespace
}  // namespace birthmark::x509
