#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/x509/certificate.h"
#include "lib/x509/jws.h"
#include "lib/x509/oid.h"
#include "services/ca/services_fixture.h"

namespace birthmark::ca {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kSignRecords[] = "birthmark.ca.v1.RecordSigner.SignRecords";

class RecordSignerTest : public ServicesTest {
 protected:
  void SetUp() override {
    Options options = ValidOptions();
    options.profiles.push_back(RecordProfile());
    ASSERT_OK_AND_ASSIGN(services_, New(std::move(options)));
    services_->Register(router_);
  }

  static policy::Profile RecordProfile() {
    policy::Profile profile =
        ProfileOf(policy::ProfileKind::kRecordSigner, "internal");
    profile.validity = absl::Hours(24 * 7);
    return profile;
  }

  absl::StatusOr<v1::SignRecordsResponse> Sign(
      const std::vector<std::string>& payloads,
      const std::string& type = "example+jws",
      options::v1::Role role = options::v1::ROLE_INVENTORY) {
    v1::SignRecordsRequest request;
    request.set_type(type);
    for (const std::string& payload : payloads) {
      request.add_payloads(payload);
    }
    return Call<v1::SignRecordsResponse>(kSignRecords, request, role);
  }

  // Signs a record and returns its signer's certificate, verified.
  x509::Certificate SignerNow() {
    const auto response = Sign({"{}"});
    EXPECT_THAT(response, IsOk());
    const auto jws = x509::Jws::Parse(response->jws(0));
    EXPECT_THAT(jws, IsOk());
    const std::vector<x509::Certificate> roots = {hierarchy_.root()};
    auto chain = jws->VerifyWithBundle(roots, clock_.Now());
    EXPECT_THAT(chain, IsOk());
    return chain->leaf;
  }
};

TEST_F(RecordSignerTest, RecordsProveThemselvesToWhoHasTheRoot) {
  ASSERT_OK_AND_ASSIGN(const auto response,
                       Sign({R"({"a":1})", R"({"b": "ü"})"}));
  ASSERT_EQ(response.jws_size(), 2);
  const std::vector<x509::Certificate> roots = {hierarchy_.root()};
  ASSERT_OK_AND_ASSIGN(const x509::Jws jws, x509::Jws::Parse(response.jws(1)));
  EXPECT_EQ(jws.payload(), R"({"b": "ü"})");
  EXPECT_EQ(jws.header().type, "example+jws");
  EXPECT_EQ(jws.key_algorithm(), crypto::KeyAlgorithm::kP256);
  EXPECT_THAT(jws.header().chain_der, SizeIs(3));
  EXPECT_OK(jws.VerifyWithBundle(roots, clock_.Now()));
  EXPECT_EQ(x509::Jws::Parse(response.jws(0))->payload(), R"({"a":1})");
}

TEST_F(RecordSignerTest, TheCertificateIsForThisAloneAndRecorded) {
  const x509::Certificate signer = SignerNow();
  EXPECT_THAT(signer->extended_key_usages,
              ElementsAre(x509::oids::kDocumentSigning));
  EXPECT_EQ(signer->subject.ToText(), "CN=Record signer of internal");
  EXPECT_THAT(signer->crl_uris,
              ElementsAre("http://crl.example/internal/0.crl"));
  EXPECT_EQ(signer->not_after - signer->not_before,
            absl::Hours(24 * 7) + policy::kDefaultBackdate - absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(auto rows, certificates_.List({}, "", 10));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].profile, "record-signer");
  EXPECT_EQ(rows[0].certificate_der, signer->der);
  ASSERT_THAT(database_.audit(), SizeIs(1));
  EXPECT_EQ(database_.audit()[0].action, "certificate.issue");
  EXPECT_EQ(database_.audit()[0].actor,
            "spiffe://birthmark.example/service/inventory");
}

TEST_F(RecordSignerTest, TheKeyIsReplacedWhenHalfOfItsLifeIsOver) {
  const std::string first = SignerNow()->serial;
  clock_.Advance(absl::Hours(24 * 3));
  EXPECT_EQ(SignerNow()->serial, first);
  clock_.Advance(absl::Hours(24));
  const x509::Certificate second = SignerNow();
  EXPECT_NE(second->serial, first);
  EXPECT_THAT(certificates_.List({}, "", 10), IsOkAndHolds(SizeIs(2)));
  // A clock that went back before it was made makes it useless.
  clock_.Advance(-absl::Hours(24 * 2));
  EXPECT_NE(SignerNow()->serial, second->serial);
}

TEST_F(RecordSignerTest, TheOldKeyServesOnWhileThereIsNoNewOne) {
  const std::string first = SignerNow()->serial;
  clock_.Advance(absl::Hours(24 * 5));
  database_.FailNext(absl::UnavailableError("away"));
  EXPECT_EQ(SignerNow()->serial, first);
  EXPECT_NE(SignerNow()->serial, first);
}

TEST_F(RecordSignerTest, AFailureIsForgottenAndTheNextCallTriesAgain) {
  database_.FailNext(absl::UnavailableError("away"));
  EXPECT_THAT(Sign({"{}"}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Sign({"{}"}), IsOk());
}

TEST_F(RecordSignerTest, BadRequestsAreRefusedAndCertifyNothing) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "t"},
      {std::vector<std::string>(1001, "{}"), "t"},
      {{""}, "t"},
      {{"[]"}, "t"},
      {{"{}", "{"}, "t"},
      {{R"({"a":1,"a":2})"}, "t"},
      {{"{\"a\":\"\xff\"}"}, "t"},
      {{absl::StrCat("{\"a\":\"", std::string(64 << 10, 'x'), "\"}")}, "t"},
      {{"{}"}, ""},
      {{"{}"}, "application/jose"},
      {{"{}"}, "Jws"},
      {{"{}"}, std::string(65, 't')}};
  for (const auto& [payloads, type] : cases) {
    EXPECT_THAT(
        Sign(payloads, type),
        StatusIs(absl::StatusCode::kInvalidArgument, reasons::kInvalidField));
  }
  EXPECT_THAT(database_.audit(), SizeIs(0));
}

TEST_F(RecordSignerTest, IsForInventoryAlone) {
  for (const auto role :
       {options::v1::ROLE_REGISTRATION, options::v1::ROLE_STATUS,
        options::v1::ROLE_OPERATOR, options::v1::ROLE_DEVICE}) {
    EXPECT_THAT(Sign({"{}"}, "t", role),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         reasons::kCallerNotAllowed));
  }
}

TEST_F(RecordSignerTest, HasOneProfile) {
  Options options = ValidOptions();
  options.profiles.push_back(RecordProfile());
  options.profiles.push_back(RecordProfile());
  options.profiles.back().id = "another";
  EXPECT_THAT(New(std::move(options)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  options = ValidOptions();
  options.profiles.push_back(RecordProfile());
  options.profiles.back().key_algorithms = {crypto::KeyAlgorithm::kP384};
  EXPECT_THAT(New(std::move(options)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

class NoRecordSignerTest : public ServicesTest {};

TEST_F(NoRecordSignerTest, WithoutAProfileNothingIsSigned) {
  v1::SignRecordsRequest request;
  request.set_type("t");
  request.add_payloads("{}");
  EXPECT_THAT(Call<v1::SignRecordsResponse>(kSignRecords, request,
                                            options::v1::ROLE_INVENTORY),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kProfileNotFound));
}

}  // namespace
}  // namespace birthmark::ca
