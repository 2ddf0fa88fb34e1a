// The commands that revoke, against services that a test plays.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/public_key.h"
#include "lib/keys/local_key.h"
#include "lib/x509/pem.h"
#include "services/cli/command.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/fake_services.h"

namespace birthmark::cli {
namespace {

using certificate::v1::Certificate;
using certificate::v1::GetCertificateRequest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace rv = revocation::v1;

constexpr char kSerial[] = "019ab2c3d4e5f60718293a4b5c6d7e8f";
const std::string& CertificateOf() {
  static const auto& name =
      *new std::string(absl::StrCat("issuers/ldevid/certificates/", kSerial));
  return name;
}

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>([] {
    std::vector<Command> all;
    for (std::vector<Command> family :
         {CertificateCommands(), KeyCompromiseCommands(), RevocationCommands(),
          RevocationJobCommands(), CrlCommands()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }());
  return commands;
}

class RevocationCommandsTest : public testing::Test {
 protected:
  RevocationCommandsTest() {
    std::string folder = testing::TempDir() + "/bm.XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    dir_ = folder;
    services_.On<GetCertificateRequest, Certificate>(
        "GetCertificate", [](const GetCertificateRequest&) {
          Certificate certificate;
          certificate.set_name(CertificateOf());
          certificate.set_etag("\"3\"");
          return certificate;
        });
    services_.On<rv::CreateRevocationJobRequest, rv::RevocationJob>(
        "CreateRevocationJob",
        [this](const rv::CreateRevocationJobRequest& request) {
          rv::RevocationJob job = request.job();
          job.set_expected_count(expected_);
          job.set_expected_crl_bytes(expected_ * 40);
          job.set_expected_crl_shards(2);
          if (!request.validate_only()) {
            created_ = request;
            job.set_name("revocationJobs/" + request.job_id());
            job.set_state(rv::REVOCATION_JOB_STATE_PENDING_APPROVAL);
            job.set_create_actor("spiffe://birthmark.test/operator/admin");
          }
          return job;
        });
    const auto get_job = [this](const rv::GetRevocationJobRequest& request) {
      rv::RevocationJob job;
      job.set_name(request.name());
      job.set_state(state_);
      job.set_etag("\"7\"");
      job.set_expected_count(expected_);
      return job;
    };
    services_.On<rv::GetRevocationJobRequest, rv::RevocationJob>(
        "GetRevocationJob", get_job);
  }
  ~RevocationCommandsTest() override { std::filesystem::remove_all(dir_); }

  int Run(const std::vector<std::string>& words,
          const std::string& typed = "") {
    std::istringstream in(typed);
    out_.str("");
    err_.str("");
    Context context{.in = in,
                    .out = out_,
                    .err = err_,
                    .clock = clock_,
                    .in_is_terminal = !typed.empty()};
    context.connect = [this](Role) { return services_.Connect(); };
    return RunLine(Commands(), words, context);
  }

  // Answers Hold and Release alike, and remembers the etag.
  template <typename Request>
  void Answer(const std::string& method, absl::Status status) {
    services_.On<Request, rv::Revocation>(
        method,
        [this,
         status](const Request& request) -> absl::StatusOr<rv::Revocation> {
          etag_ = request.etag();
          if (!status.ok()) {
            return status;
          }
          rv::Revocation revocation;
          revocation.set_certificate(request.name());
          return revocation;
        });
  }

  std::string dir_;
  FakeClock clock_;
  FakeServices services_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::string etag_;
  int64_t expected_ = 4200;
  rv::RevocationJobState state_ = rv::REVOCATION_JOB_STATE_PENDING_APPROVAL;
  rv::CreateRevocationJobRequest created_;
};

TEST_F(RevocationCommandsTest, HoldAndReleaseSendTheEtagTheyRead) {
  Answer<rv::HoldCertificateRequest>("HoldCertificate", absl::OkStatus());
  Answer<rv::ReleaseCertificateRequest>("ReleaseCertificate", absl::OkStatus());
  EXPECT_EQ(Run({"certificate", "hold", kSerial}), kExitOk);
  EXPECT_EQ(etag_, "\"3\"");
  EXPECT_EQ(out_.str(), CertificateOf() +
                            " is on hold: refused everywhere until it is "
                            "released or revoked\n");
  etag_.clear();
  EXPECT_EQ(Run({"certificate", "release", kSerial}), kExitOk);
  EXPECT_EQ(etag_, "\"3\"");
  EXPECT_EQ(out_.str(), CertificateOf() + " is good again\n");
}

TEST_F(RevocationCommandsTest, WhatIsNotHeldIsNotReleasedAndTheFixSaysWhy) {
  Answer<rv::ReleaseCertificateRequest>(
      "ReleaseCertificate",
      MakeError(absl::StatusCode::kFailedPrecondition,
                birthmark::reasons::kCertificateNotHeld, "never held"));
  EXPECT_EQ(Run({"certificate", "release", kSerial}), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("CERTIFICATE_NOT_HELD"));
  EXPECT_THAT(err_.str(), HasSubstr("fix: only what is on hold"));
}

TEST_F(RevocationCommandsTest, AHoldIsNoReasonToRevoke) {
  EXPECT_EQ(Run({"certificate", "revoke", kSerial, "--reason",
                 "certificateHold", "--yes"}),
            kExitUsage);
  EXPECT_EQ(Run({"revocation-job", "create", "x", "--fleet", "acme", "--reason",
                 "certificateHold", "--yes"}),
            kExitUsage);
  EXPECT_THAT(services_.calls(), IsEmpty());
}

TEST_F(RevocationCommandsTest, PreviewChangesNothing) {
  EXPECT_EQ(Run({"revocation-job", "preview", "--model", "gateway-7"}),
            kExitOk);
  EXPECT_EQ(created_.job_id(), "");
  EXPECT_THAT(out_.str(), HasSubstr("4200 certificates"));
  EXPECT_THAT(out_.str(), HasSubstr("164.1 KiB in all, on 2 shards, 82.0 KiB "
                                    "each"));
  EXPECT_THAT(out_.str(), HasSubstr("Nothing was changed."));
}

TEST_F(RevocationCommandsTest,
       CreateShowsThePreviewThenAsksThenSaysWhatIsNext) {
  EXPECT_EQ(Run({"revocation-job", "create", "leak-42", "--batch",
                 "acme/line-1/first", "--reason", "keyCompromise",
                 "--invalidity-time", "2026-01-31", "--rate", "50"},
                "y\n"),
            kExitOk);
  EXPECT_THAT(services_.calls(),
              ElementsAre("CreateRevocationJob", "CreateRevocationJob"));
  EXPECT_THAT(err_.str(), HasSubstr("Revoke 4200 certificates?"));
  EXPECT_EQ(created_.job_id(), "leak-42");
  EXPECT_EQ(created_.job().selector().batch(),
            "fleets/acme/lines/line-1/batches/first");
  EXPECT_EQ(created_.job().rate(), 50);
  EXPECT_EQ(created_.job().invalidity_time().seconds(), 1769817600);
  EXPECT_FALSE(created_.request_id().empty());
  EXPECT_THAT(out_.str(),
              HasSubstr("waits for a second operator (not admin), who "
                        "runs: birthmark revocation-job approve leak-42"));
}

TEST_F(RevocationCommandsTest, CreateDoesNothingWithoutAYes) {
  EXPECT_EQ(Run({"revocation-job", "create", "x", "--fleet", "acme"}, "n\n"),
            kExitInterrupted);
  EXPECT_EQ(Run({"revocation-job", "create", "x", "--fleet", "acme"}),
            kExitUsage);
  EXPECT_EQ(created_.job_id(), "");
}

TEST_F(RevocationCommandsTest, AJobAboutNothingIsNotCreated) {
  expected_ = 0;
  EXPECT_EQ(Run({"revocation-job", "create", "x", "--fleet", "acme", "--yes"}),
            kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("NOTHING_SELECTED"));
  EXPECT_THAT(err_.str(), Not(HasSubstr("CRLs grow")));
  EXPECT_EQ(created_.job_id(), "");
}

TEST_F(RevocationCommandsTest, BadJobsAreRefusedBeforeAnythingIsAsked) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"revocation-job", "create", "x", "--yes"},
           {"revocation-job", "create", "No Name", "--fleet", "a", "--yes"},
           {"revocation-job", "preview", "--fleet", "a", "--rate", "0"},
           {"revocation-job", "preview", "--fleet", "a", "--invalidity-time",
            "yesterday"},
           {"revocation-job", "get", "No Name"}}) {
    EXPECT_EQ(Run(words), kExitUsage) << absl::StrCat(words[1], words[2]);
  }
  EXPECT_THAT(services_.calls(), IsEmpty());
}

TEST_F(RevocationCommandsTest, WhoeverApprovesApprovesWhatTheySaw) {
  services_.On<rv::ApproveRevocationJobRequest, rv::RevocationJob>(
      "ApproveRevocationJob",
      [this](const rv::ApproveRevocationJobRequest& request) {
        etag_ = request.etag();
        rv::RevocationJob job;
        job.set_name(request.name());
        job.set_state(rv::REVOCATION_JOB_STATE_RUNNING);
        return job;
      });
  EXPECT_EQ(Run({"revocation-job", "approve", "leak"}, "yes\n"), kExitOk);
  EXPECT_EQ(etag_, "\"7\"");
  EXPECT_THAT(out_.str(), HasSubstr("revocation-job get leak --watch"));
}

TEST_F(RevocationCommandsTest, TheCreatorIsToldWhoMayApprove) {
  services_.On<rv::ApproveRevocationJobRequest, rv::RevocationJob>(
      "ApproveRevocationJob", [](const rv::ApproveRevocationJobRequest&) {
        return absl::StatusOr<rv::RevocationJob>(
            MakeError(absl::StatusCode::kPermissionDenied,
                      birthmark::reasons::kSecondOperatorNeeded, "yours"));
      });
  EXPECT_EQ(Run({"revocation-job", "approve", "leak", "--yes"}), kExitDenied);
  EXPECT_THAT(err_.str(), HasSubstr("birthmark operator add"));
}

TEST_F(RevocationCommandsTest, TheExitCodeOfAWatchTellsDoneFromCancelled) {
  state_ = rv::REVOCATION_JOB_STATE_DONE;
  EXPECT_EQ(Run({"revocation-job", "get", "leak", "--watch"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("Account:"));
  state_ = rv::REVOCATION_JOB_STATE_CANCELLED;
  EXPECT_EQ(Run({"revocation-job", "get", "leak", "--watch", "--json"}),
            kExitRefused);
  EXPECT_THAT(out_.str(), HasSubstr("\"REVOCATION_JOB_STATE_CANCELLED\""));
}

TEST_F(RevocationCommandsTest, CancelAsksAndPauseDoesNot) {
  const auto answer = [](const auto& request) {
    rv::RevocationJob job;
    job.set_name(request.name());
    job.set_state(rv::REVOCATION_JOB_STATE_PAUSED);
    return job;
  };
  services_.On<rv::PauseRevocationJobRequest, rv::RevocationJob>(
      "PauseRevocationJob", answer);
  services_.On<rv::CancelRevocationJobRequest, rv::RevocationJob>(
      "CancelRevocationJob", answer);
  EXPECT_EQ(Run({"revocation-job", "pause", "leak"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("revocation-job resume leak"));
  EXPECT_EQ(Run({"revocation-job", "cancel", "leak"}, "no\n"),
            kExitInterrupted);
  EXPECT_THAT(services_.calls(), ElementsAre("PauseRevocationJob"));
  EXPECT_EQ(Run({"revocation-job", "cancel", "leak", "--yes"}), kExitOk);
}

TEST_F(RevocationCommandsTest, ShardsAreListedAsNamesOfCrls) {
  services_.On<rv::ListCrlShardsRequest, rv::ListCrlShardsResponse>(
      "ListCrlShards", [](const rv::ListCrlShardsRequest& request) {
        EXPECT_EQ(request.parent(), "issuers/ldevid");
        rv::ListCrlShardsResponse response;
        response.add_shards(0);
        response.add_shards(3);
        return response;
      });
  EXPECT_EQ(Run({"crl", "shards", "ldevid"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "issuers/ldevid/crls/0\nissuers/ldevid/crls/3\n2 shards\n");
}

// Report-compromise, with a service that checks the signature.
class KeyCompromiseTest : public RevocationCommandsTest {
 protected:
  KeyCompromiseTest() {
    services_.On<rv::CreateKeyChallengeRequest, rv::KeyChallenge>(
        "CreateKeyChallenge", [](const rv::CreateKeyChallengeRequest&) {
          rv::KeyChallenge challenge;
          challenge.set_challenge(std::string("sign\0me\xff", 8));
          return challenge;
        });
    services_
        .On<rv::ReportKeyCompromiseRequest, rv::ReportKeyCompromiseResponse>(
            "ReportKeyCompromise",
            [this](const rv::ReportKeyCompromiseRequest& request) {
              report_ = request;
              rv::ReportKeyCompromiseResponse response;
              response.mutable_revocation()->set_certificate(CertificateOf());
              return response;
            });
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = dir_ + "/" + name;
    EXPECT_OK(WriteFileAtomically(path, bytes, 0644));
    return path;
  }

  void ExpectProof(const keys::LocalKey& key) {
    EXPECT_EQ(report_.challenge(), std::string("sign\0me\xff", 8));
    EXPECT_EQ(report_.spki_der(), key.public_key().spki_der());
    EXPECT_TRUE(key.public_key().Verify(key.algorithm(), report_.challenge(),
                                        report_.signature()));
  }

  rv::ReportKeyCompromiseRequest report_;
};

TEST_F(KeyCompromiseTest, AKeyOfAnyKindReportsItselfWhoeverMayReadTheFile) {
  for (const crypto::KeyAlgorithm algorithm :
       {crypto::KeyAlgorithm::kP256, crypto::KeyAlgorithm::kP384,
        crypto::KeyAlgorithm::kEd25519}) {
    ASSERT_OK_AND_ASSIGN(const auto key, keys::LocalKey::Generate(algorithm));
    const std::string path = Write("leaked.pem", key->ToPem());
    ASSERT_EQ(Run({"certificate", "report-compromise", "--key", path, "--yes"}),
              kExitOk);
    ExpectProof(*key);
    EXPECT_THAT(out_.str(), HasSubstr(CertificateOf()));
    EXPECT_THAT(out_.str(), HasSubstr(key->public_key().Id()));
  }
}

TEST_F(KeyCompromiseTest, AKeyThatCannotBeReadSignsElsewhere) {
  ASSERT_OK_AND_ASSIGN(const auto key,
                       keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  const std::string spki =
      Write("key.pem",
            x509::PemEncode(x509::kPemPublicKey, key->public_key().spki_der()));
  const std::string challenge = dir_ + "/challenge";
  ASSERT_EQ(Run({"certificate", "report-compromise", "--spki", spki,
                 "--challenge-out", challenge}),
            kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("Nothing is revoked yet"));
  EXPECT_THAT(out_.str(), HasSubstr("openssl dgst -sha256 -sign"));
  EXPECT_EQ(report_.challenge(), "");
  ASSERT_OK_AND_ASSIGN(const std::string octets, ReadFile(challenge));
  ASSERT_OK_AND_ASSIGN(const std::string signature, key->Sign(octets));
  ASSERT_EQ(
      Run({"certificate", "report-compromise", "--spki", spki, "--challenge",
           challenge, "--signature", Write("signature", signature)},
          "y\n"),
      kExitOk);
  ExpectProof(*key);
}

TEST_F(KeyCompromiseTest, FilesThatAreNotKeysAreNamed) {
  const std::string junk = Write("junk", "hello");
  EXPECT_EQ(Run({"certificate", "report-compromise", "--key", junk, "--yes"}),
            kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("openssl pkcs8 -topk8 -nocrypt"));
  EXPECT_EQ(Run({"certificate", "report-compromise", "--spki", junk,
                 "--challenge-out", dir_ + "/c"}),
            kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("no public key and no certificate"));
  EXPECT_EQ(Run({"certificate", "report-compromise", "--key", dir_ + "/missing",
                 "--yes"}),
            kExitLocal);
  EXPECT_THAT(services_.calls(), IsEmpty());
}

TEST_F(KeyCompromiseTest, HalfOfASteppedReportIsRefused) {
  const std::string f = Write("f", "x");
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{
           {},
           {"--spki", f},
           {"--spki", f, "--challenge", f},
           {"--challenge", f, "--signature", f},
           {"--key", f, "--spki", f, "--challenge-out", f}}) {
    std::vector<std::string> words = {"certificate", "report-compromise"};
    words.insert(words.end(), options.begin(), options.end());
    EXPECT_EQ(Run(words), kExitUsage);
  }
}

}  // namespace
}  // namespace birthmark::cli
