#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "birthmark/device/v1/key_audit_service.pb.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/weak_rsa_keys.h"
#include "lib/keys/local_key.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_key_audit_store.h"
#include "lib/storage/fake_request_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "lib/x509/testing.h"
#include "services/inventory/key_audit_runner.h"
#include "services/inventory/key_audit_service.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;
using storage::FindingRow;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Findings that were raised, and failures on demand.
class RaisedFindings : public storage::FindingStore {
 public:
  absl::StatusOr<FindingRow> Get(absl::string_view,
                                 absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<FindingRow>> List(
      const storage::FindingFilter&,
      const std::optional<storage::FindingCursor>&, int) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<FindingRow>> Raise(
      absl::Span<const FindingRow> findings, absl::string_view actor,
      const std::function<std::string()>& new_id,
      const EntryMaker& entry_for) override {
    const absl::MutexLock lock(&mutex_);
    EXPECT_EQ(actor, KeyAuditRunner::kActor);
    EXPECT_FALSE(new_id().empty());
    EXPECT_TRUE(std::is_sorted(findings.begin(), findings.end(),
                               [](const FindingRow& a, const FindingRow& b) {
                                 return a.device_uid < b.device_uid;
                               }));
    if (failures_ > 0) {
      --failures_;
      return absl::UnavailableError("away");
    }
    for (const FindingRow& finding : findings) {
      EXPECT_EQ(entry_for(finding).action, "finding.raise");
      rows_[finding.subject] = finding;
      ++count_;
    }
    return std::vector<FindingRow>(findings.begin(), findings.end());
  }
  absl::StatusOr<FindingRow> Move(absl::string_view, absl::string_view, int64_t,
                                  absl::string_view, const Change&,
                                  const MutationMaker&) override {
    return absl::UnimplementedError("");
  }

  void Fail(int times) {
    const absl::MutexLock lock(&mutex_);
    failures_ = times;
  }
  std::map<std::string, FindingRow> rows() {
    const absl::MutexLock lock(&mutex_);
    return rows_;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, FindingRow> rows_;
  int count_ = 0;
  int failures_ = 0;
};

class KeyAuditTest : public testing::Test {
 protected:
  KeyAuditTest()
      : audits_(database_),
        requests_(database_),
        page_tokens_("secret"),
        rpc_metrics_(registry_),
        router_({}, Clock::Real(), rpc_metrics_),
        service_({audits_, requests_, page_tokens_, Clock::Real(), [this] {
                    if (runner_ != nullptr) {
                      runner_->Wake();
                    }
                  }}) {
    router_.AddService(*pb::KeyAudit::descriptor()->file()->FindServiceByName(
        "KeyAuditService"));
    service_.Register(router_);
  }

  void StartRunner() {
    KeyAuditRunner::Options options;
    options.owner = [this] { return owner_.load(); };
    options.rest = absl::Milliseconds(10);
    options.page = 3;
    options.chunk = 4;
    options.findings = 2;
    runner_ = std::make_unique<KeyAuditRunner>(audits_, findings_,
                                               Clock::Real(), options);
  }

  // A key with its certificate; of a device unless `fleet` is empty. Returns
  // what findings call it.
  std::string GivenKey(const std::string& spki_der,
                       const std::string& fleet = "acme") {
    storage::FakeDatabase::Transaction transaction(database_);
    storage::KeyRow key;
    key.spki_sha256 = crypto::Sha256(spki_der);
    key.algorithm = storage::KeyAlgorithm::kRsa;
    key.serial = HexDecode(serials_.Next()).value();
    if (!fleet.empty()) {
      key.device_uid = crypto::NewUid(Clock::Real());
      storage::DeviceRow device;
      device.device_uid = key.device_uid;
      device.fleet_id = fleet;
      transaction->devices[device.device_uid] = device;
    }
    storage::CertificateRow row;
    row.serial = key.serial;
    row.spki_sha256 = key.spki_sha256;
    row.certificate_der =
        x509::Issue(ca_.LeafSpec(), x509::LdevidVariables(spki_der),
                    ca_.issuer_key)
            ->der;
    transaction->certificates[row.serial] = row;
    transaction->keys[key.spki_sha256] = key;
    uids_[HexEncode(key.spki_sha256)] = key.device_uid;
    transaction.Commit();
    return HexEncode(key.spki_sha256);
  }

  static std::string GoodKey() {
    return std::string(keys::LocalKey::Generate(crypto::KeyAlgorithm::kRsa)
                           .value()
                           ->public_key()
                           .spki_der());
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(
      absl::string_view method, const Request& request,
      options::v1::Role role = options::v1::ROLE_OPERATOR) {
    rpc::Caller caller;
    caller.role = role;
    caller.actor = "spiffe://test/operator/ada";
    caller.name = "ada";
    rpc::LocalChannel channel(router_, caller);
    rpc::Channel& base = channel;
    return base.Unary<Response>(
        "birthmark.device.v1.KeyAuditService." + std::string(method), request);
  }

  absl::StatusOr<pb::KeyAudit> Start() {
    return Call<pb::KeyAudit>("StartKeyAudit", pb::StartKeyAuditRequest());
  }

  absl::StatusOr<pb::KeyAudit> Get(const std::string& name) {
    pb::GetKeyAuditRequest request;
    request.set_name(name);
    return Call<pb::KeyAudit>("GetKeyAudit", request);
  }

  absl::StatusOr<pb::KeyAudit> Cancel(const std::string& name) {
    pb::CancelKeyAuditRequest request;
    request.set_name(name);
    return Call<pb::KeyAudit>("CancelKeyAudit", request);
  }

  // The audit, as soon as `is` holds for it.
  template <typename Predicate>
  pb::KeyAudit WaitFor(const std::string& name, const Predicate& is) {
    for (int i = 0; i < 6000; ++i) {
      const auto audit = Get(name);
      if (audit.ok() && is(*audit)) {
        return *audit;
      }
      absl::SleepFor(absl::Milliseconds(10));
    }
    ADD_FAILURE() << "not in a minute";
    return {};
  }

  pb::KeyAudit WaitForEnd(const std::string& name) {
    return WaitFor(name, [](const pb::KeyAudit& audit) {
      return audit.state() != pb::KEY_AUDIT_STATE_RUNNING;
    });
  }

  std::vector<std::string> actions() {
    std::vector<std::string> actions;
    for (const audit::Entry& entry : database_.audit()) {
      actions.push_back(entry.action);
    }
    return actions;
  }

  x509::TestCa ca_;
  crypto::RandomSerialSource serials_{Clock::Real()};
  std::map<std::string, std::string> uids_;  // by key
  std::atomic<bool> owner_{true};
  storage::FakeDatabase database_;
  storage::FakeKeyAuditStore audits_;
  storage::FakeRequestStore requests_;
  RaisedFindings findings_;
  rpc::PageTokenCodec page_tokens_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_;
  rpc::Router router_;
  KeyAuditServiceImpl service_;
  std::unique_ptr<KeyAuditRunner> runner_;
};

TEST_F(KeyAuditTest, KeysThatShareAPrimeBecomeFindingsThatNameEachOther) {
  for (int i = 0; i < 4; ++i) {
    GivenKey(GoodKey());
  }
  const auto weak = crypto::RsaKeysWithOnePrime(4);
  const std::string a = GivenKey(weak[0].spki_der);
  const std::string b = GivenKey(weak[1].spki_der, "other");
  const std::string c = GivenKey(weak[2].spki_der);
  const std::string line = GivenKey(weak[3].spki_der, "");
  StartRunner();
  ASSERT_OK_AND_ASSIGN(pb::KeyAudit audit, Start());
  EXPECT_EQ(audit.state(), pb::KEY_AUDIT_STATE_RUNNING);
  EXPECT_EQ(audit.actor(), "spiffe://test/operator/ada");
  audit = WaitForEnd(audit.name());
  EXPECT_EQ(audit.state(), pb::KEY_AUDIT_STATE_DONE);
  EXPECT_EQ(audit.key_count(), 8);
  EXPECT_EQ(audit.shared_count(), 4);
  EXPECT_EQ(audit.finding_count(), 3);
  EXPECT_EQ(audit.last_error(), "");
  EXPECT_TRUE(audit.has_end_time());

  const auto rows = findings_.rows();
  ASSERT_THAT(rows, SizeIs(3));
  const FindingRow& finding = rows.at(a);
  EXPECT_EQ(finding.kind, storage::FindingKind::kSharedPrime);
  EXPECT_EQ(finding.device_uid, uids_[a]);
  EXPECT_EQ(finding.fleet_id, "acme");
  EXPECT_EQ(finding.details.at("other_keys"), "3");
  EXPECT_THAT(absl::StrSplit(finding.details.at("keys"), ' '),
              UnorderedElementsAre(b, c, line));
  EXPECT_THAT(absl::StrSplit(finding.details.at("devices"), ' '),
              UnorderedElementsAre("fleets/other/devices/" + uids_[b],
                                   "fleets/acme/devices/" + uids_[c]));
  EXPECT_EQ(rows.at(b).fleet_id, "other");
  EXPECT_THAT(actions(), ElementsAre("key_audit.start", "key_audit.finish"));
}

TEST_F(KeyAuditTest, GoodKeysBecomeNothing) {
  for (int i = 0; i < 3; ++i) {
    GivenKey(GoodKey());
  }
  StartRunner();
  ASSERT_OK_AND_ASSIGN(const pb::KeyAudit audit, Start());
  EXPECT_EQ(WaitForEnd(audit.name()).shared_count(), 0);
  EXPECT_THAT(findings_.rows(), IsEmpty());
}

TEST_F(KeyAuditTest, WithoutKeysThereIsNothingToFind) {
  StartRunner();
  ASSERT_OK_AND_ASSIGN(const pb::KeyAudit audit, Start());
  EXPECT_EQ(WaitForEnd(audit.name()).key_count(), 0);
}

TEST_F(KeyAuditTest, WhatFailsIsToldAndStartedOver) {
  for (const auto& key : crypto::RsaKeysWithOnePrime(3)) {
    GivenKey(key.spki_der);
  }
  findings_.Fail(1);
  StartRunner();
  ASSERT_OK_AND_ASSIGN(pb::KeyAudit audit, Start());
  audit = WaitFor(audit.name(), [](const pb::KeyAudit& now) {
    return !now.last_error().empty() ||
           now.state() != pb::KEY_AUDIT_STATE_RUNNING;
  });
  EXPECT_THAT(audit.last_error(), testing::HasSubstr("away"));
  audit = WaitForEnd(audit.name());
  EXPECT_EQ(audit.state(), pb::KEY_AUDIT_STATE_DONE);
  EXPECT_EQ(audit.last_error(), "");
  EXPECT_EQ(audit.finding_count(), 3);
  EXPECT_THAT(findings_.rows(), SizeIs(3));
}

TEST_F(KeyAuditTest, AnotherProcessGoesOnWithWhatOneLeftBehind) {
  for (const auto& key : crypto::RsaKeysWithOnePrime(2)) {
    GivenKey(key.spki_der);
  }
  owner_ = false;
  StartRunner();
  ASSERT_OK_AND_ASSIGN(const pb::KeyAudit audit, Start());
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(Get(audit.name())->state(), pb::KEY_AUDIT_STATE_RUNNING);
  EXPECT_EQ(Get(audit.name())->progress(), "");
  runner_.reset();
  owner_ = true;
  StartRunner();
  EXPECT_EQ(WaitForEnd(audit.name()).finding_count(), 2);
}

TEST_F(KeyAuditTest, OneRunsAtATimeAndCanBeCancelled) {
  owner_ = false;
  StartRunner();
  ASSERT_OK_AND_ASSIGN(const pb::KeyAudit audit, Start());
  EXPECT_THAT(Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                reasons::kKeyAuditRunning));
  ASSERT_OK_AND_ASSIGN(const pb::KeyAudit cancelled, Cancel(audit.name()));
  EXPECT_EQ(cancelled.state(), pb::KEY_AUDIT_STATE_CANCELLED);
  // Again changes nothing.
  ASSERT_OK(Cancel(audit.name()));
  EXPECT_THAT(actions(), ElementsAre("key_audit.start", "key_audit.cancel"));
  owner_ = true;
  ASSERT_OK_AND_ASSIGN(const pb::KeyAudit next, Start());
  EXPECT_EQ(WaitForEnd(next.name()).state(), pb::KEY_AUDIT_STATE_DONE);
  EXPECT_THAT(
      Cancel(next.name()),
      StatusIs(absl::StatusCode::kFailedPrecondition, reasons::kKeyAuditState));
  pb::ListKeyAuditsRequest request;
  request.set_page_size(1);
  ASSERT_OK_AND_ASSIGN(
      auto page, Call<pb::ListKeyAuditsResponse>("ListKeyAudits", request));
  ASSERT_EQ(page.key_audits_size(), 1);
  request.set_page_token(page.next_page_token());
  ASSERT_OK_AND_ASSIGN(
      auto second, Call<pb::ListKeyAuditsResponse>("ListKeyAudits", request));
  ASSERT_EQ(second.key_audits_size(), 1);
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_THAT((std::vector<std::string>{page.key_audits(0).name(),
                                        second.key_audits(0).name()}),
              UnorderedElementsAre(audit.name(), next.name()));
}

TEST_F(KeyAuditTest, ARepeatGetsTheFirstAnswer) {
  pb::StartKeyAuditRequest request;
  request.set_request_id("0b5e7a34-52c1-4b3e-9d0e-6f2a1c3d4e5f");
  ASSERT_OK_AND_ASSIGN(const auto first,
                       Call<pb::KeyAudit>("StartKeyAudit", request));
  ASSERT_OK_AND_ASSIGN(const auto again,
                       Call<pb::KeyAudit>("StartKeyAudit", request));
  EXPECT_EQ(first.name(), again.name());
  EXPECT_THAT(actions(), SizeIs(1));
}

TEST_F(KeyAuditTest, BadNamesAndOtherCallersAreRefused) {
  EXPECT_THAT(Get("keyAudits/"), StatusIs(absl::StatusCode::kInvalidArgument,
                                          reasons::kBadResourceName));
  for (const std::string name :
       {"keyAudits/x", "keyAudits/0197a000-0000-7000-8000-000000000001"}) {
    EXPECT_THAT(Get(name), StatusIs(absl::StatusCode::kNotFound,
                                    reasons::kKeyAuditNotFound));
    EXPECT_THAT(Cancel(name), StatusIs(absl::StatusCode::kNotFound,
                                       reasons::kKeyAuditNotFound));
  }
  for (const auto role : {options::v1::ROLE_DEVICE, options::v1::ROLE_LINE,
                          options::v1::ROLE_REGISTRATION}) {
    EXPECT_THAT(
        Call<pb::KeyAudit>("StartKeyAudit", pb::StartKeyAuditRequest(), role),
        StatusIs(absl::StatusCode::kPermissionDenied,
                 reasons::kCallerNotAllowed));
  }
}

}  // namespace
}  // namespace birthmark::inventory
