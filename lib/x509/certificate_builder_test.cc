#include "lib/x509/certificate_builder.h"

#include <functional>

#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/x509/certificate.h"
#include "lib/x509/testing.h"
#include "openssl/mem.h"
#include "openssl/x509.h"
#include "openssl/x509v3.h"

namespace birthmark::x509 {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// BoringSSL's own reader: what it makes of our certificates.
bssl::UniquePtr<X509> ReadByBoringSsl(absl::string_view der) {
  const uint8_t* data = reinterpret_cast<const uint8_t*>(der.data());
  bssl::UniquePtr<X509> x509(
      d2i_X509(nullptr, &data, static_cast<long>(der.size())));
  EXPECT_EQ(data, reinterpret_cast<const uint8_t*>(der.data()) + der.size());
  return x509;
}

std::string Text(const ASN1_STRING* value) {
  return std::string(
      reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
      static_cast<size_t>(ASN1_STRING_length(value)));
}

class CertificateBuilderTest : public ::testing::Test {
 protected:
  TestCa ca_;
  const TestKey& key_ = TestKey::Shared(crypto::KeyAlgorithm::kP256);
};

TEST_F(CertificateBuilderTest, BoringSslReadsWhatWasWritten) {
  CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.ca_issuers_uri = "http://ca.example/idevid.cer";
  spec.policies = {Oid(oids::kClientAuth)};
  const std::string spki = key_.spki_der();
  const CertificateVariables vars = IdevidVariables(spki);
  const Certificate certificate = Issue(spec, vars, ca_.issuer_key);

  const bssl::UniquePtr<X509> x509 = ReadByBoringSsl(certificate->der);
  ASSERT_NE(x509, nullptr);
  EXPECT_EQ(X509_get_version(x509.get()), X509_VERSION_3);
  EXPECT_EQ(Text(X509_get0_serialNumber(x509.get())), vars.serial);
  EXPECT_EQ(Text(X509_get0_notBefore(x509.get())), "251231235500Z");
  EXPECT_EQ(Text(X509_get0_notAfter(x509.get())), "99991231235959Z");
  EXPECT_EQ(ASN1_STRING_type(X509_get0_notAfter(x509.get())),
            V_ASN1_GENERALIZEDTIME);
  EXPECT_FALSE(X509_check_ca(x509.get()));
  EXPECT_EQ(X509_get_key_usage(x509.get()), uint32_t{KU_DIGITAL_SIGNATURE});
  EXPECT_EQ(X509_get_extended_key_usage(x509.get()), uint32_t{XKU_SSL_CLIENT});
  EXPECT_EQ(Text(X509_get0_authority_key_id(x509.get())),
            *ca_.issuer.value()->subject_key_id);
  EXPECT_EQ(Text(X509_get0_subject_key_id(x509.get())),
            crypto::Sha256(key_.public_key().key_bytes()).substr(0, 20));
  EXPECT_EQ(X509_get_extension_flags(x509.get()) & EXFLAG_INVALID, 0u);

  // And once more through BoringSSL's writer: the same bytes.
  uint8_t* again = nullptr;
  const int size = i2d_X509(x509.get(), &again);
  ASSERT_GT(size, 0);
  EXPECT_EQ(
      std::string(reinterpret_cast<char*>(again), static_cast<size_t>(size)),
      certificate->der);
  OPENSSL_free(again);
}

TEST_F(CertificateBuilderTest, BoringSslVerifiesTheWholeChain) {
  const std::string spki = key_.spki_der();
  const Certificate leaf =
      Issue(ca_.LeafSpec(), LdevidVariables(spki), ca_.issuer_key);
  const auto x509 = ReadByBoringSsl(leaf->der);
  const auto issuer = ReadByBoringSsl(ca_.issuer.value()->der);
  const auto root = ReadByBoringSsl(ca_.root.value()->der);
  bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
  bssl::UniquePtr<STACK_OF(X509)> chain(sk_X509_new_null());
  bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  ASSERT_TRUE(X509_STORE_add_cert(store.get(), root.get()));
  ASSERT_TRUE(bssl::PushToStack(chain.get(), bssl::UpRef(issuer)));
  ASSERT_TRUE(
      X509_STORE_CTX_init(context.get(), store.get(), x509.get(), chain.get()));
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time_posix(param, absl::ToUnixSeconds(TestTime()));
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
  EXPECT_EQ(X509_verify_cert(context.get()), 1)
      << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

TEST_F(CertificateBuilderTest, WhatWasAskedForIsWhatStandsInIt) {
  CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.extended_key_usages.push_back(Oid(oids::kServerAuth));
  spec.ca_issuers_uri = "http://ca.example/x.cer";
  const std::string spki = key_.spki_der();
  CertificateVariables vars = LdevidVariables(spki);
  vars.subject_alt_names.dns_names = {"localhost"};
  const Certificate certificate = Issue(spec, vars, ca_.issuer_key);
  EXPECT_EQ(certificate->serial, vars.serial);
  EXPECT_EQ(certificate->not_before, vars.not_before);
  EXPECT_EQ(certificate->not_after, vars.not_after);
  EXPECT_EQ(certificate->issuer_der, ca_.issuer.value()->subject_der);
  EXPECT_EQ(certificate->subject.ToText(), vars.subject.ToText());
  EXPECT_EQ(certificate->subject_alt_names.uris, vars.subject_alt_names.uris);
  EXPECT_THAT(certificate->subject_alt_names.dns_names,
              ElementsAre("localhost"));
  EXPECT_THAT(certificate->crl_uris, ElementsAre(vars.crl_uri));
  EXPECT_THAT(certificate->ca_issuer_uris, ElementsAre(spec.ca_issuers_uri));
  EXPECT_EQ(certificate->extended_key_usages, spec.extended_key_usages);
  EXPECT_EQ(certificate->key_usage, kKeyUsageDigitalSignature);
  EXPECT_FALSE(certificate->basic_constraints.has_value());
  EXPECT_THAT(certificate->unknown_critical, ElementsAre());
}

TEST_F(CertificateBuilderTest, ItSaysHowItsRevocationIsLearnt) {
  CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.ocsp_uri = "http://ocsp.example/";
  spec.ca_issuers_uri = "http://ca.example/x.cer";
  const std::string spki = key_.spki_der();
  CertificateVariables vars = LdevidVariables(spki);
  vars.freshest_crl_uri = "http://crl.example/idevid/0-delta.crl";
  const Certificate certificate = Issue(spec, vars, ca_.issuer_key);
  EXPECT_THAT(certificate->ocsp_uris, ElementsAre(spec.ocsp_uri));
  EXPECT_THAT(certificate->ca_issuer_uris, ElementsAre(spec.ca_issuers_uri));
  EXPECT_THAT(certificate->freshest_crl_uris,
              ElementsAre(vars.freshest_crl_uri));
  EXPECT_FALSE(certificate->no_rev_avail);
  EXPECT_FALSE(certificate->ocsp_no_check);
}

TEST_F(CertificateBuilderTest, ItSaysThatNobodyNeedAsk) {
  const std::string spki = key_.spki_der();
  CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.no_rev_avail = true;
  CertificateVariables vars = LdevidVariables(spki);
  vars.crl_uri = "";
  const Certificate short_lived = Issue(spec, vars, ca_.issuer_key);
  EXPECT_TRUE(short_lived->no_rev_avail);
  EXPECT_THAT(short_lived->crl_uris, ElementsAre());

  spec = ca_.LeafSpec();
  spec.ocsp_no_check = true;
  EXPECT_TRUE(
      Issue(spec, OcspResponderVariables(spki), ca_.issuer_key)->ocsp_no_check);
}

TEST_F(CertificateBuilderTest, EveryKeyUsageBitComesBack) {
  for (uint16_t bits = 1; bits < 1 << 9; ++bits) {
    CertificateTemplateSpec spec = ca_.LeafSpec();
    spec.key_usage = bits;
    ASSERT_OK_AND_ASSIGN(const auto builder, CertificateTemplate::New(spec));
    const std::string spki = key_.spki_der();
    ASSERT_OK_AND_ASSIGN(const std::string tbs,
                         builder.BuildTbs(LdevidVariables(spki)));
    ASSERT_OK_AND_ASSIGN(
        const std::string der,
        AssembleCertificate(tbs, spec.signature_algorithm, "unsigned"));
    ASSERT_OK_AND_ASSIGN(const auto certificate, Certificate::Parse(der));
    EXPECT_EQ(certificate->key_usage, bits);
  }
}

TEST_F(CertificateBuilderTest, TimesChangeTheirTypeIn2050) {
  const std::string spki = key_.spki_der();
  CertificateVariables vars = LdevidVariables(spki);
  const absl::Time y2050 =
      absl::FromCivil(absl::CivilSecond(2050), absl::UTCTimeZone());
  vars.not_after = y2050 - absl::Seconds(1);
  auto x509 = ReadByBoringSsl(Issue(ca_.LeafSpec(), vars, ca_.issuer_key)->der);
  EXPECT_EQ(Text(X509_get0_notAfter(x509.get())), "491231235959Z");
  vars.not_after = y2050;
  x509 = ReadByBoringSsl(Issue(ca_.LeafSpec(), vars, ca_.issuer_key)->der);
  EXPECT_EQ(Text(X509_get0_notAfter(x509.get())), "20500101000000Z");
}

TEST_F(CertificateBuilderTest, FractionsOfASecondAreCutOff) {
  const std::string spki = key_.spki_der();
  CertificateVariables vars = LdevidVariables(spki);
  const absl::Time whole = vars.not_before;
  vars.not_before += absl::Milliseconds(999);
  EXPECT_EQ(Issue(ca_.LeafSpec(), vars, ca_.issuer_key)->not_before, whole);
}

TEST_F(CertificateBuilderTest, AnEmptySubjectMakesTheAltNameCritical) {
  const std::string spki = key_.spki_der();
  CertificateVariables vars = LdevidVariables(spki);
  vars.subject = DistinguishedName();
  const Certificate certificate = Issue(ca_.LeafSpec(), vars, ca_.issuer_key);
  for (const Extension& extension : certificate->extensions) {
    if (extension.oid == oids::kSubjectAltName) {
      EXPECT_TRUE(extension.critical);
    }
  }
}

struct BadVariablesCase {
  const char* name;
  std::function<void(CertificateVariables&)> spoil;
  const char* field;
};
class BadVariablesTest : public ::testing::TestWithParam<BadVariablesCase> {};
TEST_P(BadVariablesTest, AreRefused) {
  const TestKey& key = TestKey::Shared(crypto::KeyAlgorithm::kP256);
  CertificateTemplateSpec spec;
  DistinguishedName issuer;
  issuer.CommonName("x");
  spec.issuer_name_der = *issuer.ToDer();
  ASSERT_OK_AND_ASSIGN(const auto builder, CertificateTemplate::New(spec));
  const std::string spki = key.spki_der();
  CertificateVariables vars = LdevidVariables(spki);
  GetParam().spoil(vars);
  const auto tbs = builder.BuildTbs(vars);
  EXPECT_THAT(tbs, StatusIs(kInvalid, "CERTIFICATE_TEMPLATE_INVALID"));
  EXPECT_THAT(tbs, HasMetadata("field", GetParam().field));
}
const BadVariablesCase kBadVariablesCases[] = {
    {"NoSerial", [](CertificateVariables& v) { v.serial = ""; }, "serial"},
    {"NegativeSerial", [](CertificateVariables& v) { v.serial = "\x80\x01"; },
     "serial"},
    {"LongSerial",
     [](CertificateVariables& v) { v.serial = "123456789012345678901"; },
     "serial"},
    {"CrlUriWithBlank",
     [](CertificateVariables& v) { v.crl_uri = "http://a b/"; }, "crl_uri"},
    {"FreshestCrlUriWithBlank",
     [](CertificateVariables& v) { v.freshest_crl_uri = "http://a b/"; },
     "freshest_crl_uri"},
    {"NoKey", [](CertificateVariables& v) { v.spki_der = ""; }, "spki_der"},
    {"TimeBefore1950",
     [](CertificateVariables& v) { v.not_before = absl::InfinitePast(); },
     "validity"}};
INSTANTIATE_TEST_SUITE_P(All, BadVariablesTest,
                         ::testing::ValuesIn(kBadVariablesCases),
                         [](const auto& info) { return info.param.name; });

TEST_F(CertificateBuilderTest, TemplatesThatContradictThemselvesAreRefused) {
  CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.issuer_name_der = "x";
  EXPECT_THAT(CertificateTemplate::New(spec), HasMetadata("field", "issuer"));
  spec = ca_.LeafSpec();
  spec.issuer_name_der = std::string("\x30\0", 2);
  EXPECT_THAT(CertificateTemplate::New(spec), HasMetadata("field", "issuer"));
  spec = ca_.LeafSpec();
  spec.basic_constraints = BasicConstraints{false, 0};
  EXPECT_THAT(CertificateTemplate::New(spec),
              HasMetadata("field", "path_length"));
  spec = ca_.LeafSpec();
  spec.key_usage = 1 << 9;
  EXPECT_THAT(CertificateTemplate::New(spec),
              HasMetadata("field", "key_usage"));
  spec = ca_.LeafSpec();
  spec.ca_issuers_uri = "no uri";
  EXPECT_THAT(CertificateTemplate::New(spec),
              HasMetadata("field", "ca_issuers_uri"));
  spec = ca_.LeafSpec();
  spec.ocsp_uri = "no uri";
  EXPECT_THAT(CertificateTemplate::New(spec), HasMetadata("field", "ocsp_uri"));
}

TEST_F(CertificateBuilderTest, NothingIsAssembledWithoutASignature) {
  EXPECT_THAT(
      AssembleCertificate("x", crypto::SignatureAlgorithm::kEd25519, ""),
      StatusIs(kInvalid, "CERTIFICATE_TEMPLATE_INVALID"));
  EXPECT_THAT(
      AssembleCertificate("", crypto::SignatureAlgorithm::kEd25519, "x"),
      StatusIs(kInvalid, "CERTIFICATE_TEMPLATE_INVALID"));
}

}  // namespace
}  // namespace birthmark::x509
