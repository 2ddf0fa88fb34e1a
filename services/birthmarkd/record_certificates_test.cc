#include "services/birthmarkd/record_certificates.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/keys/fake_signer.h"
#include "lib/policy/issuance.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_database.h"
#include "services/ca/test_issuer.h"

namespace birthmark::birthmarkd {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class RecordCertificatesTest : public testing::Test {
 protected:
  std::string Save(const std::string& name, const std::string& content) {
    const std::string path = absl::StrCat(
        testing::TempDir(), "/",
        testing::UnitTest::GetInstance()->current_test_info()->name(), name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  void Add(const std::string& path, const std::string& issuer) {
    auto* added = config_.add_certificates();
    added->set_certificate_file(path);
    added->set_issuer(issuer);
    added->set_profile("operator");
  }

  absl::StatusOr<int> Record() {
    return RecordCertificates(config_, certificates_, shards_, clock_);
  }

  std::vector<storage::CertificateRow> Rows() {
    return certificates_.List({}, "", 1000).value();
  }

  FakeClock clock_;
  ca::TestHierarchy hierarchy_{clock_};
  storage::FakeDatabase database_;
  storage::FakeCertificateStore certificates_{database_};
  storage::FakeCrlShardStore shards_{database_};
  config::v1::MigrateConfig config_;
};

TEST_F(RecordCertificatesTest, RecordsEachOnceWithAnAuditEntry) {
  const auto issuer = hierarchy_.MakeIssuer("internal", "");
  Add(Save("root.pem", hierarchy_.root().ToPem()), "root");
  Add(Save("issuer.pem",
           issuer->certificate().ToPem() + hierarchy_.root().ToPem()),
      "root");
  EXPECT_THAT(Record(), IsOkAndHolds(2));
  EXPECT_THAT(Record(), IsOkAndHolds(0));
  ASSERT_THAT(Rows(), SizeIs(2));
  ASSERT_THAT(database_.audit(), SizeIs(2));
  ASSERT_OK_AND_ASSIGN(const storage::CertificateRow row,
                       certificates_.Get("root", hierarchy_.root()->serial));
  EXPECT_EQ(row.certificate_der, hierarchy_.root()->der);
  EXPECT_EQ(row.spki_sha256, crypto::Sha256(hierarchy_.root()->spki_der));
  EXPECT_EQ(row.issuer_id, "root");
  EXPECT_EQ(row.crl_shard, -1);
  EXPECT_THAT(shards_.List("root", clock_.Now()), IsOkAndHolds(SizeIs(0)));
  EXPECT_EQ(database_.audit()[0].action, "certificate.record");
  EXPECT_EQ(database_.audit()[0].actor, "system:migrate");
}

TEST_F(RecordCertificatesTest, MakesTheShardOfLeavesKnown) {
  const auto issuer = hierarchy_.MakeIssuer("internal", "");
  policy::Profile profile;
  profile.id = "operator";
  profile.version = 1;
  profile.kind = policy::ProfileKind::kOperator;
  profile.issuer = "internal";
  profile.validity = absl::Hours(24);
  profile.key_algorithms = {crypto::KeyAlgorithm::kP256};
  ASSERT_OK_AND_ASSIGN(
      const auto issuance,
      policy::Issuance::New({.profile = profile,
                             .issuer = issuer->certificate(),
                             .algorithm = issuer->algorithm(),
                             .trust_domain = ca::kTestTrustDomain}));
  const keys::FakeSigner key;
  ASSERT_OK_AND_ASSIGN(
      auto prepared, issuance.Prepare({hierarchy_.Serial(),
                                       std::string(key.public_key().spki_der()),
                                       policy::OperatorSubject{"anna"}},
                                      {}, clock_.Now()));
  ASSERT_OK_AND_ASSIGN(const std::string der,
                       issuer->SignCertificate(std::move(prepared)));
  Add(Save("leaf.pem", x509::Certificate::Parse(der).value().ToPem()),
      "internal");
  EXPECT_THAT(Record(), IsOkAndHolds(1));
  EXPECT_THAT(shards_.List("internal", clock_.Now()),
              IsOkAndHolds(testing::ElementsAre(0)));
  EXPECT_THAT(shards_.List("internal", clock_.Now() + absl::Hours(25)),
              IsOkAndHolds(SizeIs(0)));
}

TEST_F(RecordCertificatesTest, TakesTheSameCertificateTwice) {
  const std::string path = Save("root.pem", hierarchy_.root().ToPem());
  Add(path, "root");
  Add(path, "root");
  EXPECT_THAT(Record(), IsOkAndHolds(1));
}

TEST_F(RecordCertificatesTest, RecordsNothingIfOneIsBad) {
  Add(Save("root.pem", hierarchy_.root().ToPem()), "root");
  Add(Save("bad.pem", "not a certificate"), "root");
  const auto recorded = Record();
  EXPECT_THAT(recorded, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(recorded.status().message()),
              HasSubstr("certificates[1]"));
  EXPECT_THAT(Rows(), SizeIs(0));
}

TEST_F(RecordCertificatesTest, NamesAFileThatIsMissing) {
  Add("/nonexistent/root.pem", "root");
  const auto recorded = Record();
  EXPECT_THAT(recorded, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(recorded.status().message()),
              HasSubstr("/nonexistent/root.pem"));
}

TEST_F(RecordCertificatesTest, RefusesABadIssuerId) {
  Add(Save("root.pem", hierarchy_.root().ToPem()), "Root CA");
  EXPECT_THAT(Record(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RecordCertificatesTest, RefusesATakenSerial) {
  Add(Save("root.pem", hierarchy_.root().ToPem()), "root");
  ASSERT_OK(Record());
  storage::CertificateRow other = Rows()[0];
  storage::FakeDatabase other_database;
  storage::FakeCertificateStore taken(other_database);
  other.certificate_der = "another certificate";
  ASSERT_OK(taken.Insert({other}, {database_.audit()[0]}));
  EXPECT_THAT(
      RecordCertificates(config_, taken, shards_, clock_),
      StatusIs(absl::StatusCode::kAlreadyExists, reasons::kCertificateExists));
}

}  // namespace
}  // namespace birthmark::birthmarkd
