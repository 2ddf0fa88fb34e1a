// What a line meets: every kind of key, every kind of bad item, wrong batches,
// two provisioners. Whatever one item does, the others get their certificates.
#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/keys/local_key.h"
#include "lib/rpc/grpc_channel.h"
#include "lib/x509/pem.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using provisioning::v1::Batch;
using provisioning::v1::CreateBatchRequest;
using provisioning::v1::IssueBatchRequest;
using provisioning::v1::IssueBatchResponse;
using ::testing::HasSubstr;

class ProvisioningTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { deployment_ = new Deployment; }
  static void TearDownTestSuite() { delete deployment_; }

  // A folder for this test.
  std::string Folder(const std::string& name) {
    return absl::StrCat(
        deployment_->dir(), "/",
        testing::UnitTest::GetInstance()->current_test_info()->name(), "-",
        name);
  }

  ProcessResult Provision(const std::string& line, const CsrFolder& csrs,
                          const std::string& out,
                          const std::string& batch = "b1") {
    csrs.Finish();
    return deployment_->Birthmark({"provision", "--line", line, "--batch",
                                   batch, "--csr-dir", csrs.path(), "--out",
                                   out});
  }

  // The line of failures.csv that speaks of `id`.
  static std::string Failure(const std::string& out, const std::string& id) {
    const std::string csv = absl::StrCat("\n", ReadAll(out + "/failures.csv"));
    const size_t at = csv.find(absl::StrCat("\n", id, ","));
    if (at == std::string::npos) {
      return "";
    }
    return csv.substr(at + 1, csv.find('\n', at + 1) - at - 1);
  }

  static std::string Pem(const std::string& csr_der) {
    return x509::PemEncode(x509::kPemCsr, csr_der);
  }

  static Deployment* deployment_;
};
Deployment* ProvisioningTest::deployment_ = nullptr;

TEST_F(ProvisioningTest, EveryKindOfKeyGetsACertificateThatOpensslVerifies) {
  const std::string line = deployment_->CreateLine("keys", "l1");
  CsrFolder csrs(Folder("csrs"));
  csrs.Add("p256", "gateway-7", crypto::KeyAlgorithm::kP256);
  csrs.Add("p384", "gateway-7", crypto::KeyAlgorithm::kP384);
  csrs.Add("ed25519", "gateway-7", crypto::KeyAlgorithm::kEd25519);
  csrs.Add("rsa", "gateway-7", crypto::KeyAlgorithm::kRsa);
  const ProcessResult result = Provision(line, csrs, Folder("out"));
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  for (const std::string& name : Files(Folder("out"), ".pem")) {
    const ProcessResult verified =
        RunProgram({"openssl", "verify", "-CAfile",
                    deployment_->home() + "/trust/root.pem", "-untrusted",
                    Folder("out") + "/" + name, Folder("out") + "/" + name});
    EXPECT_EQ(verified.exit_code, 0) << name << verified.err;
  }
  EXPECT_EQ(Files(Folder("out"), ".pem").size(), 4u);
}

TEST_F(ProvisioningTest, ABadItemFailsAloneWithItsReason) {
  const std::string line = deployment_->CreateLine("bad", "l1");
  CsrFolder csrs(Folder("csrs"));
  const auto key = csrs.Add("good-1");
  csrs.Add("good-2");
  std::string spoiled = MakeCsr(*key);
  spoiled.back() ^= 1;
  csrs.AddRaw("signature", Pem(spoiled));
  csrs.AddRaw("trailing", MakeCsr(*key) + "x");
  csrs.AddRaw("nonsense", "this is no CSR");
  csrs.AddRaw("large", std::string(17 << 10, '\x30'));
  csrs.AddRaw("same-key", Pem(MakeCsr(*key)));
  csrs.Add("model", "toaster-1");
  const auto other = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
  csrs.AddRaw("same-device", Pem(MakeCsr(**other)), "gateway-7", "SN-good-2");
  const ProcessResult result = Provision(line, csrs, Folder("out"));
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;

  struct Case {
    const char* id;
    const char* code;
    const char* reason;
  };
  for (const Case& c :
       {Case{"signature", "INVALID_ARGUMENT", "CSR_SIGNATURE_INVALID"},
        Case{"trailing", "INVALID_ARGUMENT", "CSR_MALFORMED"},
        Case{"nonsense", "INVALID_ARGUMENT", "CSR_MALFORMED"},
        Case{"large", "INVALID_ARGUMENT", "CSR_TOO_LARGE"},
        Case{"model", "FAILED_PRECONDITION", "MODEL_NOT_ALLOWED"}}) {
    EXPECT_THAT(Failure(Folder("out"), c.id), HasSubstr(c.code)) << c.id;
    EXPECT_THAT(Failure(Folder("out"), c.id), HasSubstr(c.reason)) << c.id;
    EXPECT_EQ(ReadAll(Folder("out") + "/" + c.id + ".pem"), "") << c.id;
  }
  // Of two items that want the same key or device, exactly one gets it.
  const std::string keys =
      Failure(Folder("out"), "good-1") + Failure(Folder("out"), "same-key");
  EXPECT_THAT(keys, HasSubstr("KEY_ALREADY_ENROLLED"));
  const std::string devices =
      Failure(Folder("out"), "good-2") + Failure(Folder("out"), "same-device");
  EXPECT_THAT(devices, HasSubstr("DEVICE_EXISTS"));
  EXPECT_EQ(Files(Folder("out"), ".pem").size(), 2u);
  EXPECT_EQ(deployment_->Sql("SELECT count(*) FROM audit_entries WHERE action "
                             "= 'key.reuse_refused'"),
            "1");
}

TEST_F(ProvisioningTest, AnItemThatFailedMayComeAgainOneThatIsDoneMayNot) {
  const std::string line = deployment_->CreateLine("again", "l1");
  CsrFolder first(Folder("first"));
  first.AddRaw("a", "this is no CSR");
  first.Add("b");
  EXPECT_EQ(Provision(line, first, Folder("out1")).exit_code, 1);
  CsrFolder second(Folder("second"));
  second.Add("a");
  second.Add("b");
  EXPECT_EQ(Provision(line, second, Folder("out2")).exit_code, 1);
  EXPECT_FALSE(ReadAll(Folder("out2") + "/a.pem").empty());
  EXPECT_THAT(Failure(Folder("out2"), "b"), HasSubstr("REQUEST_ID_REUSED"));
  // The first answer is still there for whoever asks with the first CSR.
  const std::string before = ReadAll(Folder("out1") + "/b.pem");
  EXPECT_EQ(Provision(line, first, Folder("out3")).exit_code, 1);
  EXPECT_EQ(ReadAll(Folder("out3") + "/b.pem"), before);
}

TEST_F(ProvisioningTest, TheQuotaIsKeptExactly) {
  const std::string line =
      deployment_->CreateLine("quota", "l1", "gateway-7", 5);
  CsrFolder csrs(Folder("csrs"));
  csrs.AddMany("d", 8);
  EXPECT_EQ(Provision(line, csrs, Folder("out")).exit_code, 1);
  EXPECT_EQ(Files(Folder("out"), ".pem").size(), 5u);
  EXPECT_THAT(ReadAll(Folder("out") + "/failures.csv"),
              HasSubstr("RESOURCE_EXHAUSTED,LINE_QUOTA_EXCEEDED"));
  EXPECT_EQ(
      deployment_->Sql("SELECT issued FROM lines WHERE fleet_id = 'quota'"),
      "5");
}

TEST_F(ProvisioningTest, ALineMayNotUseTheBatchOfAnother) {
  deployment_->CreateLine("mine", "l1");
  const std::string line = deployment_->CreateLine("theirs", "l1");
  WriteFile(line + "/client.textproto",
            absl::StrReplaceAll(ReadAll(line + "/client.textproto"),
                                {{"fleets/theirs", "fleets/mine"}}));
  CsrFolder csrs(Folder("csrs"));
  csrs.Add("a");
  const ProcessResult result = Provision(line, csrs, Folder("out"));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(result.err, HasSubstr("LINE_NOT_OWNED"));
  EXPECT_EQ(Files(Folder("out"), ".pem").size(), 0u);
  // A line that does not exist gives the same answer.
  WriteFile(line + "/client.textproto",
            absl::StrReplaceAll(ReadAll(line + "/client.textproto"),
                                {{"fleets/mine", "fleets/nobody"}}));
  EXPECT_THAT(Provision(line, csrs, Folder("out")).err,
              HasSubstr("LINE_NOT_OWNED"));
}

TEST_F(ProvisioningTest, ADisabledLineIssuesNothing) {
  const std::string line = deployment_->CreateLine("off", "l1");
  ASSERT_EQ(deployment_->Birthmark({"line", "disable", "off/l1"}).exit_code, 0);
  CsrFolder csrs(Folder("csrs"));
  csrs.Add("a");
  const ProcessResult result = Provision(line, csrs, Folder("out"));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("LINE_DISABLED"));
  EXPECT_EQ(Files(Folder("out"), ".pem").size(), 0u);
}

TEST_F(ProvisioningTest, TwoProvisionersOfOneBatchGetTheSameCertificates) {
  const std::string line = deployment_->CreateLine("two", "l1");
  CsrFolder csrs(Folder("csrs"));
  csrs.AddMany("d", 600);
  csrs.Finish();
  const auto arguments = [&](const std::string& out) {
    return std::vector<std::string>{"provision", "--line", line,
                                    "--batch",   "b1",     "--csr-dir",
                                    csrs.path(), "--out",  out};
  };
  auto one = deployment_->BirthmarkInBackground(arguments(Folder("o1")), "one");
  auto two = deployment_->BirthmarkInBackground(arguments(Folder("o2")), "two");
  EXPECT_EQ(one->Wait(), 0) << one->Err();
  EXPECT_EQ(two->Wait(), 0) << two->Err();
  const auto names = Files(Folder("o1"), ".pem");
  EXPECT_EQ(names.size(), 600u);
  for (const std::string& name : names) {
    ASSERT_EQ(ReadAll(Folder("o1") + "/" + name),
              ReadAll(Folder("o2") + "/" + name));
  }
  EXPECT_EQ(deployment_->Sql("SELECT count(*) FROM devices WHERE fleet_id = "
                             "'two'"),
            "600");
}

TEST_F(ProvisioningTest, ASecondProvisionerInTheSameFolderIsRefused) {
  const std::string line = deployment_->CreateLine("lock", "l1");
  CsrFolder csrs(Folder("csrs"));
  csrs.AddMany("d", 6000);
  csrs.Finish();
  const std::vector<std::string> arguments = {
      "provision", "--line",    line,    "--batch",    "b1",
      "--csr-dir", csrs.path(), "--out", Folder("out")};
  auto one = deployment_->BirthmarkInBackground(arguments, "one");
  while (one->Running() && Files(Folder("out"), ".pem").empty()) {
  }
  const ProcessResult second = deployment_->Birthmark(arguments);
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.err, HasSubstr("another"));
  // Interrupted, it sums up, and the next one finishes the job.
  one->Signal(SIGINT);
  EXPECT_NE(one->Wait(), 0);
  const ProcessResult rest = deployment_->Birthmark(arguments);
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(Files(Folder("out"), ".pem").size(), 6000u);
}

// Over the API itself: a hundred thousand files would take longer to delete
// than their devices to make.
TEST_F(ProvisioningTest, OneBadItemAmongAHundredThousandHarmsNoOther) {
  constexpr int kItems = 100000;
  constexpr int kBad = 70007;
  constexpr int kMessage = 250;
  const std::string line = deployment_->CreateLine("many", "l1");
  const auto channel = rpc::GrpcChannel::New(
      {.address =
           absl::StrCat("unix:", deployment_->home(), "/run/registration.sock"),
       .server_name = absl::StrCat("registration.", Deployment::kTrustDomain),
       .roots_file = line + "/roots.pem",
       .identity = {line + "/line.pem", line + "/line.key"}});
  ASSERT_TRUE(channel.ok()) << channel.status();
  CreateBatchRequest batch;
  batch.set_parent("fleets/many/lines/l1");
  batch.set_batch_id("b1");
  ASSERT_TRUE((*channel)
                  ->Unary<Batch>("birthmark.provisioning.v1."
                                 "ProvisioningService.CreateBatch",
                                 batch)
                  .ok());
  auto stream = (*channel)->Bidi<IssueBatchRequest, IssueBatchResponse>(
      "birthmark.provisioning.v1.ProvisioningService.IssueBatch");
  IssueBatchRequest open;
  open.mutable_open()->set_batch("fleets/many/lines/l1/batches/b1");
  ASSERT_TRUE(stream.Write(open));
  IssueBatchResponse response;
  ASSERT_TRUE(stream.Read(response)) << stream.Finish();
  const int max_in_flight = response.opened().max_in_flight();

  std::set<std::string> issued;
  std::vector<std::string> failed;
  int sent = 0;
  int answered = 0;
  while (answered < kItems) {
    while (sent < kItems && sent + kMessage - answered <= max_in_flight) {
      IssueBatchRequest request;
      for (int i = 0; i < kMessage; ++i, ++sent) {
        IssueBatchRequest::Item& item = *request.mutable_items()->add_items();
        item.set_item_id(absl::StrCat(sent));
        item.set_model("gateway-7");
        item.set_serial_number(absl::StrCat("M-", sent));
        const auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
        item.set_csr_der(sent == kBad ? "this is no CSR" : MakeCsr(**key));
      }
      ASSERT_TRUE(stream.Write(request));
    }
    ASSERT_TRUE(stream.Read(response)) << stream.Finish();
    for (const auto& result : response.results().results()) {
      ++answered;
      if (result.has_error()) {
        failed.push_back(
            absl::StrCat(result.item_id(), ": ", result.error().message()));
      } else {
        issued.insert(result.certificate_der());
      }
    }
  }
  stream.WritesDone();
  EXPECT_FALSE(stream.Read(response));
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(issued.size(), kItems - 1u);
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_THAT(failed[0], HasSubstr(absl::StrCat(kBad, ": ")));
  EXPECT_EQ(deployment_->Sql("SELECT count(*) FROM certificates WHERE fleet_id "
                             "= 'many' AND device_uid IS NOT NULL"),
            absl::StrCat(kItems - 1));
}

TEST_F(ProvisioningTest, AFullDiskStopsTheClientAndLosesNothing) {
  const std::string line = deployment_->CreateLine("full", "l1");
  CsrFolder csrs(Folder("csrs"));
  csrs.AddMany("d", 300);
  csrs.Finish();
  // A small file system in a mount namespace of its own.
  const std::string out = Folder("out");
  const std::string script =
      absl::StrCat("mkdir -p ", out, " && mount -t tmpfs -o size=200k tmpfs ",
                   out, " && ", Deployment::Client(), " provision --line ",
                   line, " --batch b1 --csr-dir ", csrs.path(), " --out ", out);
  const ProcessResult full =
      RunProgram({"unshare", "--mount", "--map-root-user", "sh", "-c", script});
  EXPECT_NE(full.exit_code, 0);
  EXPECT_THAT(full.err, HasSubstr("RESOURCE_EXHAUSTED")) << full.out;
  EXPECT_THAT(full.err, HasSubstr("No space left"));
  // On a disk with room, everything is there, and nothing was issued twice.
  const ProcessResult rest = Provision(line, csrs, Folder("rest"));
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(Files(Folder("rest"), ".pem").size(), 300u);
  EXPECT_EQ(deployment_->Sql("SELECT count(*) FROM certificates WHERE fleet_id "
                             "= 'full' AND device_uid IS NOT NULL"),
            "300");
}

}  // namespace
}  // namespace birthmark::tests
