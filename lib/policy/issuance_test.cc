#include "lib/policy/issuance.h"

#include <memory>
#include <string>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "lib/keys/local_key.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/oid.h"

namespace birthmark::policy {
namespace {

using crypto::KeyAlgorithm;

constexpr char kUid[] = "01890a5d-ac96-774b-bcce-b302099a8057";

class IssuanceTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(issuer_key_,
                         keys::LocalKey::Generate(KeyAlgorithm::kP256));
    ASSERT_OK_AND_ASSIGN(key_, keys::LocalKey::Generate(KeyAlgorithm::kP256));
    MakeIssuer(NoExpiry());
  }

  // A self-signed CA certificate: Issuance takes any.
  void MakeIssuer(absl::Time not_after) {
    x509::CertificateTemplateSpec spec;
    x509::DistinguishedName name;
    name.Organization("Example").CommonName("Test Issuer");
    ASSERT_OK_AND_ASSIGN(spec.issuer_name_der, name.ToDer());
    ASSERT_OK_AND_ASSIGN(
        spec.issuer_key_id,
        x509::SubjectKeyId(issuer_key_->public_key().spki_der()));
    spec.basic_constraints = x509::BasicConstraints{true, 0};
    spec.key_usage = x509::kKeyUsageKeyCertSign | x509::kKeyUsageCrlSign;
    ASSERT_OK_AND_ASSIGN(auto builder, x509::CertificateTemplate::New(spec));
    const std::string serial = Serial();
    x509::CertificateVariables vars;
    vars.serial = serial;
    vars.not_before = clock_.Now() - absl::Hours(24);
    vars.not_after = not_after;
    vars.subject = name;
    vars.spki_der = issuer_key_->public_key().spki_der();
    ASSERT_OK_AND_ASSIGN(std::string tbs, builder.BuildTbs(vars));
    ASSERT_OK_AND_ASSIGN(std::string signature, issuer_key_->Sign(tbs));
    ASSERT_OK_AND_ASSIGN(
        std::string der,
        x509::AssembleCertificate(tbs, issuer_key_->algorithm(), signature));
    ASSERT_OK_AND_ASSIGN(auto issuer, x509::Certificate::Parse(der));
    issuer_ = std::make_unique<x509::Certificate>(issuer);
  }

  std::string Serial() { return HexDecode(serials_.Next()).value(); }

  Issuance::Options Options(ProfileKind kind) {
    Profile profile;
    profile.id = std::string(ProfileKindName(kind));
    profile.version = 1;
    profile.kind = kind;
    profile.issuer = "internal";
    if (kind != ProfileKind::kIdevid) {
      profile.validity = absl::Hours(24 * 30);
    }
    profile.key_algorithms = {KeyAlgorithm::kP256, KeyAlgorithm::kEd25519};
    return {profile, *issuer_, issuer_key_->algorithm(), "birthmark.example"};
  }

  static CrlUris Crl() {
    return {"http://crl.example/internal/0.crl",
            "http://crl.example/internal/0-delta.crl"};
  }

  IssuanceRequest Request(Subject subject) {
    return {Serial(), std::string(key_->public_key().spki_der()),
            std::move(subject)};
  }

  absl::StatusOr<x509::Certificate> Issue(ProfileKind kind, Subject subject) {
    return Issue(Options(kind), std::move(subject), Crl());
  }

  absl::StatusOr<x509::Certificate> Issue(Issuance::Options options,
                                          Subject subject, const CrlUris& crl) {
    BIRTHMARK_ASSIGN_OR_RETURN(Issuance issuance,
                               Issuance::New(std::move(options)));
    BIRTHMARK_ASSIGN_OR_RETURN(
        PreparedCertificate prepared,
        issuance.Prepare(Request(std::move(subject)), crl, clock_.Now()));
    BIRTHMARK_ASSIGN_OR_RETURN(std::string signature,
                               issuer_key_->Sign(prepared.tbs()));
    BIRTHMARK_ASSIGN_OR_RETURN(std::string der,
                               std::move(prepared).Assemble(signature));
    return x509::Certificate::Parse(der);
  }

  FakeClock clock_;
  crypto::RandomSerialSource serials_{clock_};
  std::unique_ptr<keys::LocalKey> issuer_key_;
  std::unique_ptr<keys::LocalKey> key_;
  std::unique_ptr<x509::Certificate> issuer_;
};

TEST_F(IssuanceTest, IssuesAnIdevidWithoutExpiry) {
  ASSERT_OK_AND_ASSIGN(auto certificate,
                       Issue(ProfileKind::kIdevid,
                             DeviceSubject{kUid, "acme", "thermo", "SN-1"}));
  EXPECT_EQ(certificate->not_after, NoExpiry());
  EXPECT_OK(certificate.VerifySignatureBy(issuer_key_->public_key()));
  EXPECT_EQ(certificate->authority_key_id, (*issuer_)->subject_key_id);
  EXPECT_THAT(certificate->crl_uris,
              testing::ElementsAre("http://crl.example/internal/0.crl"));
  EXPECT_FALSE(certificate.is_ca());
}

TEST_F(IssuanceTest, SaysWhereItsRevocationIsLearnt) {
  Issuance::Options options = Options(ProfileKind::kEnforcementPoint);
  options.ocsp_uri = "http://status.example/ocsp";
  options.ca_issuers_uri = "http://status.example/ca/internal.cer";
  const Subject subject = EnforcementPointSubject{"broker-1"};
  ASSERT_OK_AND_ASSIGN(auto certificate, Issue(options, subject, Crl()));
  EXPECT_THAT(certificate->crl_uris, testing::ElementsAre(Crl().complete));
  EXPECT_THAT(certificate->freshest_crl_uris, testing::IsEmpty());
  EXPECT_THAT(certificate->ocsp_uris, testing::ElementsAre(options.ocsp_uri));
  EXPECT_THAT(certificate->ca_issuer_uris,
              testing::ElementsAre(options.ca_issuers_uri));

  options.profile.freshest_crl = true;
  options.profile.ca_issuers_url = "http://ca.example/own.cer";
  ASSERT_OK_AND_ASSIGN(certificate, Issue(options, subject, Crl()));
  EXPECT_THAT(certificate->freshest_crl_uris,
              testing::ElementsAre(Crl().delta));
  EXPECT_THAT(certificate->ca_issuer_uris,
              testing::ElementsAre(options.profile.ca_issuers_url));

  // Another shard has been opened.
  const CrlUris next = {"http://crl.example/internal/1.crl", ""};
  ASSERT_OK_AND_ASSIGN(certificate, Issue(options, subject, next));
  EXPECT_THAT(certificate->crl_uris, testing::ElementsAre(next.complete));
  EXPECT_THAT(certificate->freshest_crl_uris, testing::IsEmpty());

  ASSERT_OK_AND_ASSIGN(certificate, Issue(options, subject, CrlUris()));
  EXPECT_THAT(certificate->crl_uris, testing::IsEmpty());
}

TEST_F(IssuanceTest, SaysThatNobodyRevokesWhatLivesShort) {
  Issuance::Options options = Options(ProfileKind::kLdevid);
  options.ocsp_uri = "http://status.example/ocsp";
  options.ca_issuers_uri = "http://status.example/ca/internal.cer";
  options.profile.validity = absl::Hours(24);
  options.profile.no_rev_avail = true;
  ASSERT_OK_AND_ASSIGN(
      auto certificate,
      Issue(options, DeviceSubject{kUid, "acme", "", ""}, Crl()));
  EXPECT_TRUE(certificate->no_rev_avail);
  EXPECT_THAT(certificate->crl_uris, testing::IsEmpty());
  EXPECT_THAT(certificate->ocsp_uris, testing::IsEmpty());
  EXPECT_THAT(certificate->ca_issuer_uris,
              testing::ElementsAre(options.ca_issuers_uri));
}

TEST_F(IssuanceTest, AnOcspResponderDoesNothingElse) {
  Issuance::Options options = Options(ProfileKind::kOcspResponder);
  options.ocsp_uri = "http://status.example/ocsp";
  options.ca_issuers_uri = "http://status.example/ca/internal.cer";
  ASSERT_OK_AND_ASSIGN(auto certificate,
                       Issue(options, OcspResponderSubject{}, Crl()));
  EXPECT_EQ(certificate->subject.ToText(), "CN=OCSP responder of internal");
  EXPECT_THAT(certificate->extended_key_usages,
              testing::ElementsAre(x509::Oid(x509::oids::kOcspSigning)));
  EXPECT_TRUE(certificate->ocsp_no_check);
  EXPECT_THAT(certificate->crl_uris, testing::IsEmpty());
  EXPECT_THAT(certificate->ocsp_uris, testing::IsEmpty());
  EXPECT_THAT(certificate->ca_issuer_uris, testing::IsEmpty());
}

TEST_F(IssuanceTest, ASignerOfRecordsSignsDocumentsAndCanBeRevoked) {
  Issuance::Options options = Options(ProfileKind::kRecordSigner);
  options.ocsp_uri = "http://status.example/ocsp";
  ASSERT_OK_AND_ASSIGN(auto certificate,
                       Issue(options, RecordSignerSubject{}, Crl()));
  EXPECT_EQ(certificate->subject.ToText(), "CN=Record signer of internal");
  EXPECT_THAT(certificate->extended_key_usages,
              testing::ElementsAre(x509::Oid(x509::oids::kDocumentSigning)));
  EXPECT_EQ(certificate->key_usage, x509::kKeyUsageDigitalSignature);
  EXPECT_THAT(certificate->crl_uris, testing::SizeIs(1));
  EXPECT_THAT(certificate->ocsp_uris,
              testing::ElementsAre("http://status.example/ocsp"));
  EXPECT_THAT(Issue(ProfileKind::kRecordSigner, ServiceSubject{"ca", {}}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kProfileViolation));
}

TEST_F(IssuanceTest, LetsOnlyServicesWithDnsNamesServe) {
  ASSERT_OK_AND_ASSIGN(auto server,
                       Issue(ProfileKind::kService,
                             ServiceSubject{"ca", {"ca.birthmark.example"}}));
  EXPECT_TRUE(server.AllowsUsage(x509::oids::kServerAuth));
  EXPECT_TRUE(server.AllowsUsage(x509::oids::kClientAuth));

  ASSERT_OK_AND_ASSIGN(auto client,
                       Issue(ProfileKind::kService, ServiceSubject{"ca", {}}));
  EXPECT_FALSE(client.AllowsUsage(x509::oids::kServerAuth));
  EXPECT_TRUE(client.AllowsUsage(x509::oids::kClientAuth));

  ASSERT_OK_AND_ASSIGN(
      auto line, Issue(ProfileKind::kLine, LineSubject{"acme", "line-1"}));
  EXPECT_FALSE(line.AllowsUsage(x509::oids::kServerAuth));
}

TEST_F(IssuanceTest, NeverOutlivesTheIssuer) {
  const absl::Time end = clock_.Now() + absl::Hours(24);
  MakeIssuer(end);
  ASSERT_OK_AND_ASSIGN(auto certificate,
                       Issue(ProfileKind::kOperator, OperatorSubject{"anna"}));
  EXPECT_EQ(certificate->not_after, end);
}

TEST_F(IssuanceTest, RefusesWhenTheIssuerHasExpired) {
  MakeIssuer(clock_.Now() + absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(Issuance issuance,
                       Issuance::New(Options(ProfileKind::kOperator)));
  clock_.Advance(absl::Hours(2));
  const auto prepared =
      issuance.Prepare(Request(OperatorSubject{"anna"}), Crl(), clock_.Now());
  EXPECT_THAT(prepared, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 reasons::kIssuerNotActive));
  EXPECT_THAT(prepared, HasMetadata("state", "expired"));
}

TEST_F(IssuanceTest, RefusesAKeyTypeThatTheProfileDoesNotTake) {
  ASSERT_OK_AND_ASSIGN(key_, keys::LocalKey::Generate(KeyAlgorithm::kP384));
  EXPECT_THAT(Issue(ProfileKind::kOperator, OperatorSubject{"anna"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kKeyTypeNotAllowed));
}

TEST_F(IssuanceTest, RefusesASpoiledKey) {
  ASSERT_OK_AND_ASSIGN(Issuance issuance,
                       Issuance::New(Options(ProfileKind::kOperator)));
  IssuanceRequest request = Request(OperatorSubject{"anna"});
  request.spki_der.back() ^= 1;  // no longer on the curve
  EXPECT_THAT(
      issuance.Prepare(request, Crl(), clock_.Now()),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kKeyMalformed));
  request.spki_der.clear();
  EXPECT_THAT(
      issuance.Prepare(request, Crl(), clock_.Now()),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kKeyMalformed));
}

TEST_F(IssuanceTest, RefusesSerialsOfTheWrongLengthOrTime) {
  ASSERT_OK_AND_ASSIGN(Issuance issuance,
                       Issuance::New(Options(ProfileKind::kOperator)));
  const IssuanceRequest good = Request(OperatorSubject{"anna"});
  const absl::Time now = clock_.Now();
  EXPECT_OK(issuance.Prepare(good, Crl(), now));
  EXPECT_OK(issuance.Prepare(good, Crl(), now + absl::Hours(24 * 360)));

  IssuanceRequest bad = good;
  bad.serial.pop_back();
  EXPECT_THAT(issuance.Prepare(bad, Crl(), now),
              HasMetadata("field", "serial"));
  bad.serial.assign(16, '\0');
  EXPECT_THAT(issuance.Prepare(bad, Crl(), now),
              HasMetadata("field", "serial"));
  bad.serial.assign(16, '\xff');
  EXPECT_THAT(issuance.Prepare(bad, Crl(), now),
              HasMetadata("field", "serial"));
  EXPECT_THAT(issuance.Prepare(good, Crl(), now - absl::Hours(2)),
              HasMetadata("field", "serial"));
  EXPECT_THAT(issuance.Prepare(good, Crl(), now + absl::Hours(24 * 400)),
              HasMetadata("field", "serial"));
}

TEST_F(IssuanceTest, RefusesAnInvalidProfile) {
  Issuance::Options options = Options(ProfileKind::kLine);
  options.profile.validity.reset();
  EXPECT_THAT(Issuance::New(options), HasMetadata("field", "validity"));
}

TEST_F(IssuanceTest, RefusesAnIssuerThatIsNoCa) {
  Issuance::Options options = Options(ProfileKind::kLine);
  ASSERT_OK_AND_ASSIGN(options.issuer,
                       Issue(ProfileKind::kOperator, OperatorSubject{"anna"}));
  EXPECT_THAT(Issuance::New(options), HasMetadata("field", "issuer"));
}

}  // namespace
}  // namespace birthmark::policy
