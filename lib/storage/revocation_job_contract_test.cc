// The contract of RevocationJobStore.

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

class RevocationJobStoreTest : public StoreTest {
 protected:
  RevocationJobRow Job(absl::string_view id,
                       const CertificateSelector& selector) {
    const absl::Time now = Now();
    return {.job_id = std::string(id),
            .selector = selector,
            .issued_before = now + absl::Seconds(1),
            .reason = 9,
            .rate = 1000,
            .expected = 5,
            .expected_entries = 4,
            .expected_shards = 3,
            .next_step_time = now,
            .create_actor = kActor,
            .create_time = now,
            .update_time = now};
  }
  RevocationJobRow GivenJob(absl::string_view id,
                            const CertificateSelector& selector) {
    const RevocationJobRow job = Job(id, selector);
    EXPECT_OK(
        backend_->jobs().Create(job, Change("revocation_job.create", id)));
    return job;
  }
  // Thread-safe.
  absl::StatusOr<std::optional<RevocationJobRow>> Step(absl::Time now,
                                                       int limit) {
    std::string job_id;
    return backend_->jobs().Step(
        now, limit,
        [&](const RevocationJobRow& job, const RevocationRow& revoked) {
          return audit::NewEntry(clock_, job.create_actor, "certificate.revoke",
                                 HexEncode(revoked.serial));
        },
        [&](const RevocationJobRow& job) {
          return audit::NewEntry(clock_, job.create_actor,
                                 "revocation_job.finish", job.job_id);
        },
        job_id);
  }
  // Steps until nothing is due, an hour later each time.
  std::vector<RevocationJobRow> StepAll(int limit) {
    std::vector<RevocationJobRow> steps;
    absl::Time now = Now();
    while (true) {
      now += absl::Hours(1);
      const auto job = Step(now, limit);
      EXPECT_OK(job);
      if (!job.ok() || !job->has_value()) {
        return steps;
      }
      steps.push_back(**job);
    }
  }
  std::vector<std::string> Revoked() {
    std::vector<std::string> serials;
    const auto rows = backend_->revocations().List("", "", 10000);
    for (const RevocationRow& row : *rows) {
      if (row.state == RevocationState::kRevoked) {
        serials.push_back(row.serial);
      }
    }
    return serials;
  }
  AdmissionRequest DeviceOf(const BatchRow& batch, absl::string_view item,
                            absl::string_view model) {
    AdmissionRequest request = Item(item);
    request.device.model = std::string(model);
    request.device.batch_id = batch.batch_id;
    EXPECT_OK(Admit(batch, {request}));
    GivenCertificate(request.key);
    return request;
  }
  void Runs(const AdmissionRequest& device, absl::string_view version) {
    EXPECT_OK(Report(ContactOf(device, device.key.serial),
                     {{.report_id = Uid(),
                       .component = "os",
                       .firmware_version = std::string(version),
                       .digest = Digest(),
                       .report_time = Now()}}));
  }

  FakeClock clock_;
};

TEST_P(RevocationJobStoreTest, KeepsWhatWasAskedFor) {
  RevocationJobRow job = Job("one", {.issuer_id = "idevid",
                                     .spki_sha256 = Digest(),
                                     .fleet_id = "acme",
                                     .model = "m",
                                     .line_id = "l",
                                     .batch_id = "b",
                                     .firmware_component = "os",
                                     .firmware_version = "1"});
  job.state = RevocationJobState::kPendingApproval;
  job.invalidity_time = job.create_time - absl::Hours(1);
  ASSERT_OK(backend_->jobs().Create(job, Change("revocation_job.create")));
  EXPECT_THAT(
      backend_->jobs().Create(job, Change("revocation_job.create")),
      StatusIs(StatusCode::kAlreadyExists, reasons::kRevocationJobExists));
  ASSERT_OK_AND_ASSIGN(const RevocationJobRow got, backend_->jobs().Get("one"));
  EXPECT_EQ(got.state, RevocationJobState::kPendingApproval);
  EXPECT_EQ(got.selector.issuer_id, "idevid");
  EXPECT_EQ(got.selector.spki_sha256, job.selector.spki_sha256);
  EXPECT_EQ(got.selector.fleet_id, "acme");
  EXPECT_EQ(got.selector.model, "m");
  EXPECT_EQ(got.selector.line_id, "l");
  EXPECT_EQ(got.selector.batch_id, "b");
  EXPECT_EQ(got.selector.firmware_component, "os");
  EXPECT_EQ(got.selector.firmware_version, "1");
  EXPECT_EQ(got.issued_before, job.issued_before);
  EXPECT_EQ(got.reason, 9);
  EXPECT_EQ(got.invalidity_time, job.invalidity_time);
  EXPECT_EQ(got.rate, 1000);
  EXPECT_EQ(got.expected, 5);
  EXPECT_EQ(got.expected_entries, 4);
  EXPECT_EQ(got.expected_shards, 3);
  EXPECT_EQ(got.next_step_time, job.next_step_time);
  EXPECT_EQ(got.create_actor, kActor);
  EXPECT_EQ(got.approve_actor, "");
  EXPECT_EQ(got.version, 1);
  EXPECT_FALSE(got.end_time.has_value());
  EXPECT_THAT(backend_->jobs().Get("two"),
              StatusIs(StatusCode::kNotFound, reasons::kRevocationJobNotFound));
  EXPECT_THAT(backend_->Audit("revocation_job.create"), SizeIs(1));
}

TEST_P(RevocationJobStoreTest, ListsByAge) {
  const RevocationJobRow b = GivenJob("b", {.model = "m"});
  const RevocationJobRow a = GivenJob("a", {.model = "m"});
  const auto id = [](const char* text) {
    return Field(&RevocationJobRow::job_id, text);
  };
  EXPECT_THAT(backend_->jobs().List(std::nullopt, 10),
              IsOkAndHolds(ElementsAre(id("b"), id("a"))));
  EXPECT_THAT(backend_->jobs().List(std::nullopt, 1),
              IsOkAndHolds(ElementsAre(id("b"))));
  EXPECT_THAT(backend_->jobs().List(JobCursor{b.create_time, "b"}, 10),
              IsOkAndHolds(ElementsAre(id("a"))));
}

TEST_P(RevocationJobStoreTest, MovesWhatMayMove) {
  RevocationJobRow job = Job("one", {.model = "m"});
  job.state = RevocationJobState::kPendingApproval;
  ASSERT_OK(backend_->jobs().Create(job, Change("revocation_job.create")));
  const auto maker = [this](const RevocationJobRow& row) {
    return Change("revocation_job.move", absl::StrCat(row.version));
  };
  EXPECT_THAT(backend_->jobs().Move(
                  "one",
                  [](RevocationJobRow&) {
                    return absl::PermissionDeniedError("not you");
                  },
                  maker),
              StatusIs(StatusCode::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(RevocationJobRow row, backend_->jobs().Move(
                                                 "one",
                                                 [](RevocationJobRow& row) {
                                                   row.last_error =
                                                       "not stored";
                                                   return absl::OkStatus();
                                                 },
                                                 maker));
  EXPECT_EQ(row.version, 1);
  EXPECT_THAT(StepAll(10), IsEmpty());
  const absl::Time now = Now();
  ASSERT_OK_AND_ASSIGN(row, backend_->jobs().Move(
                                "one",
                                [&](RevocationJobRow& row) {
                                  row.state = RevocationJobState::kRunning;
                                  row.approve_actor = "grace";
                                  row.update_time = now;
                                  return absl::OkStatus();
                                },
                                maker));
  EXPECT_EQ(row.version, 2);
  ASSERT_OK_AND_ASSIGN(row, backend_->jobs().Get("one"));
  EXPECT_EQ(row.approve_actor, "grace");
  EXPECT_EQ(row.state, RevocationJobState::kRunning);
  EXPECT_EQ(row.update_time, now);
  EXPECT_THAT(backend_->Audit("revocation_job.move"), ElementsAre("2"));
  EXPECT_THAT(backend_->jobs().Move(
                  "two", [](auto&) { return absl::OkStatus(); }, maker),
              StatusIs(StatusCode::kNotFound, reasons::kRevocationJobNotFound));
}

// A fleet with two models, two batches, firmware; its lines; another fleet.
class SelectionTest : public RevocationJobStoreTest {
 protected:
  SelectionTest() {
    GivenFleet();
    GivenLine();
    GivenFleet("other");
    const BatchRow b1 = GivenBatch("b1");
    const BatchRow b2 = GivenBatch("b2");
    d1_ = DeviceOf(b1, "1", "gateway-7");
    d2_ = DeviceOf(b1, "2", "sensor \"s\", {2}");
    d3_ = DeviceOf(b2, "3", "gateway-7");
    o1_ = GivenOperational(d1_);
    o1b_ = GivenOperational(d1_);
    o2_ = GivenOperational(d2_);
    Runs(d1_, "1.0");
    Runs(d2_, "1.1");
    line_ = GivenCertificate(ClientKey("fleets/acme/lines/one"), "internal");
    CertificateRow elsewhere =
        Certificate(ClientKey("fleets/other/lines/one"), "internal");
    elsewhere.fleet_id = "other";
    EXPECT_OK(backend_->certificates().Insert({elsewhere}, {Entry()}));
    elsewhere_ = elsewhere.serial;
    CertificateRow nobodys = Certificate(ClientKey("operator"), "internal");
    nobodys.fleet_id.clear();
    EXPECT_OK(backend_->certificates().Insert({nobodys}, {Entry()}));
    nobodys_ = nobodys.serial;
  }

  AdmissionRequest d1_, d2_, d3_;
  CertificateRow o1_, o1b_, o2_, line_;
  std::string elsewhere_, nobodys_;
};

TEST_P(SelectionTest, RevokesWhatIsSelectedAndNothingElse) {
  struct Case {
    const char* name;
    CertificateSelector selector;
    std::vector<std::string> serials;
  };
  const std::string& s1 = d1_.key.serial;
  const std::string& s2 = d2_.key.serial;
  const std::string& s3 = d3_.key.serial;
  const std::vector<Case> cases = {
      {"key", {.spki_sha256 = o1_.spki_sha256}, {o1_.serial}},
      {"unknown-key", {.spki_sha256 = std::string(32, 'x')}, {}},
      {"key-of-line",
       {.spki_sha256 = line_.spki_sha256, .fleet_id = "acme"},
       {line_.serial}},
      {"key-elsewhere",
       {.spki_sha256 = o1_.spki_sha256, .fleet_id = "other"},
       {}},
      {"key-of-model",
       {.spki_sha256 = o1_.spki_sha256, .model = "gateway-7"},
       {o1_.serial}},
      {"key-of-other-batch",
       {.spki_sha256 = o1_.spki_sha256, .batch_id = "b2"},
       {}},
      {"model", {.model = "gateway-7"}, {s1, s3, o1_.serial, o1b_.serial}},
      {"batch",
       {.fleet_id = "acme", .line_id = "one", .batch_id = "b1"},
       {s1, s2, o1_.serial, o1b_.serial, o2_.serial}},
      {"line",
       {.fleet_id = "acme", .line_id = "one"},
       {s1, s2, s3, o1_.serial, o1b_.serial, o2_.serial}},
      {"other-line", {.fleet_id = "acme", .line_id = "two"}, {}},
      {"fleet",
       {.fleet_id = "acme"},
       {s1, s2, s3, o1_.serial, o1b_.serial, o2_.serial, line_.serial}},
      {"other-fleet", {.fleet_id = "other"}, {elsewhere_}},
      {"fleet-of-issuer",
       {.issuer_id = "ldevid", .fleet_id = "acme"},
       {o1_.serial, o1b_.serial, o2_.serial}},
      {"firmware",
       {.firmware_component = "os", .firmware_version = "1.0"},
       {s1, o1_.serial, o1b_.serial}},
      {"firmware-of-model",
       {.model = "gateway-7",
        .firmware_component = "os",
        .firmware_version = "1.1"},
       {}},
      {"issuer",
       {.issuer_id = "internal"},
       {line_.serial, elsewhere_, nobodys_}},
      {"no-issuer", {.issuer_id = "nobody"}, {}},
  };
  // Each selects, in parts of each size, without doing it: what is revoked
  // stays.
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<std::string> before = Revoked();
    ASSERT_OK_AND_ASSIGN(
        const RevocationJobStore::Preview preview,
        backend_->jobs().Count(c.selector, Now() + absl::Seconds(1)));
    for (int limit : {1, 2, 100}) {
      const std::string id = absl::StrCat(c.name, "-", limit);
      GivenJob(id, c.selector);
      StepAll(limit);
      ASSERT_OK_AND_ASSIGN(const RevocationJobRow job,
                           backend_->jobs().Get(id));
      EXPECT_EQ(job.state, RevocationJobState::kDone);
      EXPECT_TRUE(job.end_time.has_value());
      EXPECT_EQ(job.revoked + job.already_revoked,
                static_cast<int64_t>(c.serials.size()));
      if (limit == 1) {
        EXPECT_EQ(preview.certificates, job.revoked);
        EXPECT_EQ(preview.crl_entries, job.revoked);
      } else {
        EXPECT_EQ(job.revoked, 0);
      }
    }
    std::vector<std::string> after = before;
    for (const std::string& serial : c.serials) {
      if (std::find(after.begin(), after.end(), serial) == after.end()) {
        after.push_back(serial);
      }
    }
    EXPECT_THAT(Revoked(), UnorderedElementsAreArray(after));
  }
}

TEST_P(SelectionTest, TheAccountAddsUp) {
  ASSERT_OK(Revoke(o1_, 4));
  const absl::Time now = Now();
  ASSERT_OK(backend_->revocations().Hold(
      {.serial = o2_.serial,
       .issuer_id = o2_.issuer_id,
       .actor = kActor,
       .revoke_time = now,
       .update_time = now},
      1, [this](const RevocationRow&) { return Change("certificate.hold"); }));
  KeyRow short_key = ClientKey("short");
  CertificateRow expired = Certificate(short_key);
  expired.not_after = expired.not_before + absl::Minutes(1);
  CertificateRow off_list = Certificate(ClientKey("no-rev-avail"));
  off_list.crl_shard = -1;
  CertificateRow later = Certificate(ClientKey("later"));
  later.create_time += absl::Hours(1);
  ASSERT_OK(backend_->certificates().Insert({expired, off_list, later},
                                            {Entry(), Entry(), Entry()}));
  const absl::Time issued_before = Now() + absl::Minutes(2);
  ASSERT_OK_AND_ASSIGN(
      const RevocationJobStore::Preview preview,
      backend_->jobs().Count({.fleet_id = "acme"}, issued_before));
  EXPECT_EQ(preview.certificates, 7);  // six and that on no list
  EXPECT_EQ(preview.crl_entries, 5);   // the held one is on its list
  EXPECT_EQ(preview.shards, 3);        // of three issuers
  const RevocationJobRow job = GivenJob("one", {.fleet_id = "acme"});
  const auto steps = StepAll(2);
  EXPECT_GT(steps.size(), 3u);
  EXPECT_EQ(steps.back().revoked, 7);
  EXPECT_EQ(steps.back().already_revoked, 1);
  EXPECT_EQ(steps.back().expired, 1);
  EXPECT_THAT(backend_->Audit("certificate.revoke"), SizeIs(8));
  EXPECT_THAT(backend_->Audit("revocation_job.finish"), ElementsAre("one"));
  ASSERT_OK_AND_ASSIGN(const CertificateRow first,
                       backend_->certificates().Get("", o1_.serial));
  EXPECT_EQ(first.revocation->reason, 4);
  ASSERT_OK_AND_ASSIGN(const CertificateRow held,
                       backend_->certificates().Get("", o2_.serial));
  EXPECT_EQ(held.revocation->state, RevocationState::kRevoked);
  EXPECT_EQ(held.revocation->reason, 9);
  EXPECT_EQ(held.revocation->version, 3);
  EXPECT_EQ(held.revocation->actor, kActor);
  ASSERT_OK_AND_ASSIGN(const auto events, backend_->devices().ListEvents(
                                              "acme", d3_.device.device_uid,
                                              std::nullopt, false, 10));
  EXPECT_EQ(events.back().kind, "certificate_revoked");
  EXPECT_EQ(events.back().reason, "privilegeWithdrawn");
  EXPECT_THAT(Revoked(), testing::Not(testing::Contains(expired.serial)));
  EXPECT_THAT(Revoked(), testing::Not(testing::Contains(later.serial)));
}

TEST_P(SelectionTest, KeepsTheRateAndTheNumberOfAStep) {
  RevocationJobRow job = Job("slow", {.issuer_id = "idevid"});
  job.rate = 2;
  ASSERT_OK(backend_->jobs().Create(job, Change("revocation_job.create")));
  const absl::Time now = Now();
  ASSERT_OK_AND_ASSIGN(const auto first, Step(now, 100));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->revoked, 2);
  EXPECT_GE(first->next_step_time, now + absl::Milliseconds(800));
  EXPECT_LE(first->next_step_time, now + absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(const auto early,
                       Step(now + absl::Milliseconds(700), 100));
  EXPECT_FALSE(early.has_value());
  ASSERT_OK_AND_ASSIGN(const auto second, Step(now + absl::Seconds(1), 100));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->revoked, 3);
}

TEST_P(SelectionTest, APostponedJobWaitsAndSaysWhy) {
  GivenJob("one", {.fleet_id = "acme"});
  const absl::Time now = Now();
  ASSERT_OK(backend_->jobs().Postpone("one", "gone", now + absl::Seconds(5)));
  ASSERT_OK_AND_ASSIGN(RevocationJobRow job, backend_->jobs().Get("one"));
  EXPECT_EQ(job.last_error, "gone");
  ASSERT_OK_AND_ASSIGN(const auto early, Step(now, 100));
  EXPECT_FALSE(early.has_value());
  ASSERT_OK_AND_ASSIGN(const auto then, Step(now + absl::Seconds(5), 100));
  ASSERT_TRUE(then.has_value());
  EXPECT_EQ(then->last_error, "");
}

TEST_P(SelectionTest, BlocksTheKeysOfACompromise) {
  RevocationJobRow job = Job("one", {.fleet_id = "acme", .batch_id = "b1"});
  job.reason = 1;
  ASSERT_OK(backend_->jobs().Create(job, Change("revocation_job.create")));
  StepAll(2);
  for (const auto& [device, state] :
       std::vector<std::pair<const AdmissionRequest*, KeyState>>{
           {&d1_, KeyState::kBlocked},
           {&d2_, KeyState::kBlocked},
           {&d3_, KeyState::kActive}}) {
    const auto keys =
        backend_->devices().ListKeys(device->device.device_uid, "", 10);
    for (const KeyRow& key : *keys) {
      EXPECT_EQ(key.state, state);
    }
  }
}

TEST_P(SelectionTest, SeveralAtOnceDoEachCertificateOnce) {
  const BatchRow batch = GivenBatch("many");
  std::vector<AdmissionRequest> devices;
  for (int i = 0; i < 60; ++i) {
    devices.push_back(DeviceOf(batch, absl::StrCat("m", i), "gateway-7"));
  }
  GivenJob("fleet", {.fleet_id = "acme"});
  GivenJob("model", {.model = "gateway-7"});
  GivenJob("issuer", {.issuer_id = "idevid"});
  const absl::Time start = Now();
  const absl::Time now = start + absl::Hours(1);
  const RevocationRow row = {
      .actor = kActor, .revoke_time = start, .update_time = start};
  std::vector<Mutation> mutations;
  for (size_t i = 0; i < devices.size(); ++i) {
    mutations.push_back(Change("key.compromise"));
  }
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      for (int step = 0; step < 200; ++step) {
        failures += !Step(now + absl::Hours(step), 7 + i).ok();
      }
    });
  }
  // Meanwhile somebody reports each key, the newest first.
  for (size_t i = devices.size(); i > 0; --i) {
    failures += !backend_->revocations()
                     .RevokeKey(devices[i - 1].key.spki_sha256, row,
                                [&](const auto&) { return mutations[i - 1]; })
                     .ok();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(failures, 0);
  int64_t revoked = 0;
  for (const char* id : {"fleet", "model", "issuer"}) {
    ASSERT_OK_AND_ASSIGN(const RevocationJobRow job, backend_->jobs().Get(id));
    EXPECT_EQ(job.state, RevocationJobState::kDone) << id;
    revoked += job.revoked;
  }
  ASSERT_OK_AND_ASSIGN(const RevocationJobRow fleet,
                       backend_->jobs().Get("fleet"));
  EXPECT_EQ(fleet.revoked + fleet.already_revoked, 67);
  EXPECT_THAT(backend_->Audit("certificate.revoke"), SizeIs(revoked));
  for (const AdmissionRequest& device : devices) {
    ASSERT_OK_AND_ASSIGN(const CertificateRow certificate,
                         backend_->certificates().Get("", device.key.serial));
    EXPECT_EQ(certificate.revocation->reason, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RevocationJobStoreTest,
                         testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(All, SelectionTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
