// Devices whose RSA keys share a prime are born like others, and found by an
// audit of all keys, whatever becomes of the process that does it.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/weak_rsa_keys.h"
#include "lib/keys/local_key.h"
#include "lib/x509/pem.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kWeak = 3;

class KeyAuditTest : public testing::Test {
 protected:
  void Provision() {
    const std::string line = deployment_.CreateLine("acme", "line-1");
    CsrFolder csrs(deployment_.dir() + "/factory");
    csrs.Add("ecdsa");
    csrs.Add("rsa-1", "gateway-7", crypto::KeyAlgorithm::kRsa);
    csrs.Add("rsa-2", "gateway-7", crypto::KeyAlgorithm::kRsa);
    int count = 0;
    for (const crypto::WeakRsaKey& weak : crypto::RsaKeysWithOnePrime(kWeak)) {
      const auto key = keys::LocalKey::FromPem(weak.pem);
      ASSERT_TRUE(key.ok()) << key.status();
      csrs.AddRaw(absl::StrCat("weak-", ++count),
                  x509::PemEncode(x509::kPemCsr, MakeCsr(**key)));
    }
    csrs.Finish();
    const ProcessResult made = deployment_.Birthmark(
        {"provision", "--line", line, "--batch", "b1", "--csr-dir", csrs.path(),
         "--out", deployment_.dir() + "/made"});
    ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  }

  Deployment deployment_;
};

TEST_F(KeyAuditTest, ADeadProcessLeavesItsAuditToTheNext) {
  ASSERT_NO_FATAL_FAILURE(Provision());
  const ProcessResult started = deployment_.Birthmark({"key-audit", "start"});
  ASSERT_EQ(started.exit_code, 0) << started.out << started.err;
  deployment_.process("inventory").Kill();
  deployment_.Start("inventory");
  for (int i = 0;
       i < 600 && deployment_.Sql("SELECT state FROM key_audits") != "2"; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_EQ(deployment_.Sql("SELECT concat_ws(' ', state, key_count, "
                            "shared_count, finding_count, last_error) "
                            "FROM key_audits"),
            "2 5 3 3 ");
  EXPECT_EQ(deployment_.Sql("SELECT count(DISTINCT device_uid) FROM findings "
                            "WHERE kind = 3 AND state = 1"),
            absl::StrCat(kWeak));
  // Each names the others and their devices.
  EXPECT_EQ(deployment_.Sql(
                "SELECT count(*) FROM findings f JOIN findings g "
                "ON g.finding_id <> f.finding_id "
                "WHERE f.details->>'keys' LIKE '%' || g.subject || '%' "
                "AND f.details->>'devices' LIKE '%' || g.device_uid || '%'"),
            absl::StrCat(kWeak * (kWeak - 1)));
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM audit_entries "
                            "WHERE action = 'key_audit.finish'"),
            "1");

  const ProcessResult again =
      deployment_.Birthmark({"key-audit", "start", "--wait"});
  EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM findings"),
            absl::StrCat(kWeak));
  EXPECT_THAT(deployment_.Birthmark({"key-audit", "list"}).out, HasSubstr("3"));
}

}  // namespace
}  // namespace birthmark::tests
