// Reports of firmware and what is found in them, on PostgreSQL.

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "lib/storage/device_act.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/pg_finding_store.h"
#include "lib/storage/registration_store.h"
#include "lib/storage/store_fixture.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using tests::PostgresCluster;

class FirmwareReportTest : public StoreTest {
 protected:
  FirmwareReportTest()
      : inventory_(*backend_->AsRole(PostgresCluster::kInventory)),
        registration_(*backend_->AsRole(PostgresCluster::kRegistration)) {
    GivenFleet();
    GivenLine();
    batch_ = GivenBatch();
  }

  // Running is a device with the operational certificate that it calls with.
  struct Running {
    AdmissionRequest admitted;
    CertificateRow certificate;
    std::string uid;
  };
  Running GivenRunning(absl::string_view item) {
    Running device;
    device.admitted = GivenDevice(batch_, item);
    device.certificate = GivenOperational(device.admitted);
    device.uid = device.admitted.device.device_uid;
    return device;
  }
  Contact By(const Running& device) {
    return ContactOf(device.admitted, device.certificate.serial);
  }
  FirmwareRow Os(absl::string_view version, absl::string_view digest = "d",
                 int64_t security_version = 1,
                 absl::string_view component = "os") {
    return {.report_id = Uid(),
            .component = std::string(component),
            .firmware_version = std::string(version),
            .digest = std::string(32, digest[0]),
            .security_version = security_version,
            .report_time = Now()};
  }
  FirmwareAttempt Attempt(const Running& device,
                          std::vector<FirmwareRow> reports) {
    return {.contact = By(device),
            .reports = std::move(reports),
            .event = Event("firmware_reported"),
            .mutation = Change("device.report_firmware", device.uid)};
  }
  std::vector<absl::Status> Send(const std::vector<FirmwareAttempt>& attempts) {
    std::vector<const FirmwareAttempt*> pointers;
    for (const FirmwareAttempt& attempt : attempts) {
      pointers.push_back(&attempt);
    }
    return backend_->registration().ReportFirmware(pointers);
  }

  void SetPolicy(absl::string_view column, FindingPolicy policy) {
    backend_->Sql(absl::StrCat("UPDATE fleets SET ", column, " = ",
                               static_cast<int>(policy)));
  }
  std::vector<FindingRow> Findings(bool closed = false) {
    return inventory_
        .List({.fleet_id = "acme", .closed = closed}, std::nullopt, 100)
        .value();
  }
  DeviceRow Device(const Running& device) {
    return backend_->devices().Get("acme", device.uid).value();
  }
  std::vector<std::string> EventKinds(const Running& device) {
    std::vector<std::string> kinds;
    const auto events = backend_->devices().ListEvents("acme", device.uid,
                                                       std::nullopt, false, 99);
    for (const DeviceEventRow& event : events.value()) {
      kinds.push_back(event.kind);
    }
    return kinds;
  }
  absl::StatusOr<FindingRow> Move(const FindingRow& finding, FindingState state,
                                  int64_t version = 0) {
    const absl::Time now = Now();
    return inventory_.Move(
        "acme", finding.finding_id, version, Uid(),
        [&](FindingRow& row) {
          row.state = state;
          row.note = "seen";
          if (state == FindingState::kClosed) {
            row.close_actor = kActor;
            row.close_time = now;
          } else {
            row.acknowledge_actor = kActor;
            row.acknowledge_time = now;
          }
          return absl::OkStatus();
        },
        [&](const FindingRow& row) {
          return Change("finding.move", row.finding_id);
        });
  }
  std::string Count(absl::string_view from) {
    std::string text =
        backend_->Sql(absl::StrCat("SELECT count(*) FROM ", from));
    return text.substr(0, text.find('\n'));
  }

  PgFindingStore inventory_;
  PgFindingStore registration_;
  BatchRow batch_;
};

TEST_P(FirmwareReportTest, RecordsManyDevicesEachOnItsOwnMerit) {
  const Running a = GivenRunning("1"), b = GivenRunning("2"),
                quarantined = GivenRunning("3"), leaving = GivenRunning("4");
  const Running registered = {.admitted = GivenDevice(batch_, "5")};
  ASSERT_OK(Act(quarantined.uid, DeviceActKind::kQuarantine));
  ASSERT_OK(Decommission(leaving.uid, 0));
  FirmwareAttempt stranger = Attempt(a, {Os("1")});
  stranger.contact.device_uid = Uid();
  FirmwareAttempt nobody = stranger;
  nobody.contact.device_uid = "x";
  FirmwareAttempt spoiled = Attempt(b, {Os("1")});
  spoiled.reports[0].digest = "short";
  FirmwareAttempt unborn = Attempt(a, {Os("1")});
  unborn.contact =
      ContactOf(registered.admitted, registered.admitted.key.serial);
  const auto statuses =
      Send({Attempt(b, {Os("1")}), stranger, Attempt(quarantined, {Os("1")}),
            Attempt(a, {Os("1"), Os("7", "e", 3, "boot")}), spoiled, nobody,
            unborn, Attempt(leaving, {Os("1")})});
  ASSERT_THAT(statuses, SizeIs(8));
  EXPECT_OK(statuses[0]);
  EXPECT_THAT(statuses[1],
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  EXPECT_THAT(statuses[2], StatusIs(StatusCode::kFailedPrecondition,
                                    reasons::kDeviceNotActive));
  EXPECT_OK(statuses[3]);
  EXPECT_FALSE(statuses[4].ok());
  EXPECT_THAT(statuses[5],
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  EXPECT_THAT(statuses[6], StatusIs(StatusCode::kFailedPrecondition,
                                    reasons::kDeviceNotActive));
  EXPECT_THAT(statuses[7], StatusIs(StatusCode::kFailedPrecondition,
                                    reasons::kWipeRequired));
  EXPECT_EQ(Count("firmware_reports"), "3");
  EXPECT_EQ(Count("device_firmware"), "3");
  EXPECT_EQ(Count("firmware_digests"), "2");
  EXPECT_THAT(backend_->Audit("device.report_firmware"), SizeIs(2));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_P(FirmwareReportTest, AnEventTellsOfChangesAlone) {
  const Running device = GivenRunning("1");
  ASSERT_OK(Report(By(device), {Os("1"), Os("7", "e", 3, "boot")}));
  ASSERT_OK(Report(By(device), {Os("1"), Os("7", "e", 3, "boot")}));
  ASSERT_OK(Report(By(device), {Os("1"), Os("8", "f", 3, "boot")}));
  EXPECT_THAT(EventKinds(device),
              ElementsAre("provisioned", "registered", "firmware_reported",
                          "firmware_reported"));
  const auto events = backend_->devices()
                          .ListEvents("acme", device.uid, std::nullopt, true, 1)
                          .value();
  EXPECT_THAT(
      events[0].details,
      ElementsAre(Pair("boot", "8 " + HexEncode(std::string(32, 'f')))));
  EXPECT_EQ(Count("firmware_reports"), "6");
  EXPECT_THAT(backend_->Audit("device.report_firmware"), SizeIs(3));
}

TEST_P(FirmwareReportTest, NotesContactAndUseOfTheKeyAndSupersedes) {
  const Running device = GivenRunning("1");
  Running newer = device;
  newer.certificate = GivenOperational(device.admitted);
  const Contact first = By(device);
  ASSERT_OK(Report(first, {Os("1")}));
  EXPECT_EQ(Device(device).current_serial, device.certificate.serial);
  EXPECT_EQ(Device(device).last_contact_time, first.time);
  const std::string key = absl::StrCat(
      "SELECT extract(epoch FROM first_use_time)::bigint, "
      "extract(epoch FROM last_use_time)::bigint FROM keys "
      "WHERE serial = '\\x",
      HexEncode(device.certificate.serial), "'");
  const auto used = [&](absl::Time from, absl::Time to) {
    return absl::StrCat(absl::ToUnixSeconds(from), "|", absl::ToUnixSeconds(to),
                        "\n");
  };
  EXPECT_EQ(backend_->Sql(key), used(first.time, first.time));
  Contact soon = first;
  soon.time += absl::Minutes(4);
  ASSERT_OK(Report(soon, {Os("1")}));
  EXPECT_EQ(backend_->Sql(key), used(first.time, first.time));
  EXPECT_EQ(Device(device).last_contact_time, soon.time);
  Contact later = first;
  later.time += absl::Minutes(5);
  ASSERT_OK(Report(later, {Os("1")}));
  EXPECT_EQ(backend_->Sql(key), used(first.time, later.time));
  EXPECT_EQ(backend_->Sql("SELECT contact_day FROM devices"), "2026-11-18\n");

  ASSERT_OK(Report(By(newer), {Os("1")}));
  EXPECT_EQ(Device(device).current_serial, newer.certificate.serial);
  EXPECT_THAT(
      backend_->gate().Check("ldevid", device.certificate.serial),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
  EXPECT_OK(backend_->gate().Check("ldevid", newer.certificate.serial));
  EXPECT_THAT(backend_->Audit("certificate.revoke"), SizeIs(1));
}

TEST_P(FirmwareReportTest, ARequestIdCountsOnce) {
  const Running device = GivenRunning("1"), other = GivenRunning("2");
  FirmwareAttempt attempt = Attempt(device, {Os("1")});
  attempt.mutation.request = {
      .caller = "me",
      .method = "m",
      .request_id = "3f2b1c9a-0d4e-4f6a-8b7c-1d2e3f4a5b6c",
      .request_hash = std::string(32, 'h'),
      .response = "answer"};
  FirmwareAttempt repeat = attempt;
  repeat.mutation.audit = {Entry("device.report_firmware")};
  repeat.reports[0].report_id = Uid();
  const auto statuses = Send({attempt, repeat, Attempt(other, {Os("1")})});
  EXPECT_OK(statuses[0]);
  EXPECT_THAT(statuses[1],
              StatusIs(StatusCode::kAborted, reasons::kTransactionConflict));
  EXPECT_OK(statuses[2]);
  EXPECT_EQ(Count("firmware_reports"), "2");
  EXPECT_THAT(
      backend_->requests().Find("me", "m", attempt.mutation.request->request_id,
                                std::string(32, 'h')),
      IsOkAndHolds(testing::Optional(std::string("answer"))));
}

TEST_P(FirmwareReportTest, ASecurityVersionThatGoesDownIsFound) {
  const Running device = GivenRunning("1");
  ASSERT_OK(Report(By(device), {Os("1", "a", 5)}));
  ASSERT_OK(Report(By(device), {Os("2", "b", 7)}));
  EXPECT_THAT(Findings(), IsEmpty());
  ASSERT_OK(Report(By(device), {Os("1", "a", 5)}));
  ASSERT_THAT(Findings(), SizeIs(1));
  const FindingRow finding = Findings()[0];
  EXPECT_EQ(finding.kind, FindingKind::kFirmwareRollback);
  EXPECT_EQ(finding.device_uid, device.uid);
  EXPECT_EQ(finding.subject, "os");
  EXPECT_EQ(finding.effect, FindingEffect::kWarn);
  EXPECT_EQ(finding.times, 1);
  EXPECT_THAT(finding.details, AllOf(Contains(Pair("security_version", "5")),
                                     Contains(Pair("highest", "7")),
                                     Contains(Pair("firmware_version", "1"))));
  // What it was once stays the mark.
  ASSERT_OK(Report(By(device), {Os("1.5", "c", 6)}));
  ASSERT_THAT(Findings(), SizeIs(1));
  EXPECT_EQ(Findings()[0].times, 2);
  EXPECT_EQ(Findings()[0].version, 2);
  EXPECT_THAT(Findings()[0].details, Contains(Pair("security_version", "6")));
  ASSERT_OK(Report(By(device), {Os("2", "b", 7)}));
  EXPECT_EQ(Findings()[0].times, 2);
  EXPECT_THAT(EventKinds(device), Contains("finding_raised").Times(1));
  EXPECT_THAT(backend_->Audit("finding.raise"),
              ElementsAre("fleets/acme/findings/" + finding.finding_id));
}

TEST_P(FirmwareReportTest, AVersionWithAnotherDigestIsFound) {
  const Running a = GivenRunning("1"), b = GivenRunning("2");
  const auto statuses =
      Send({Attempt(a, {Os("1", "a")}), Attempt(b, {Os("1", "b")})});
  EXPECT_OK(statuses[0]);
  EXPECT_OK(statuses[1]);
  ASSERT_THAT(Findings(), SizeIs(1));
  EXPECT_EQ(Findings()[0].kind, FindingKind::kFirmwareDigest);
  EXPECT_EQ(Findings()[0].device_uid, b.uid);
  EXPECT_THAT(
      Findings()[0].details,
      AllOf(Contains(Pair("digest", HexEncode(std::string(32, 'b')))),
            Contains(Pair("known_digest", HexEncode(std::string(32, 'a')))),
            Contains(Pair("known_from", a.uid))));
  // Its own version has changed its digest.
  ASSERT_OK(Report(By(a), {Os("1", "c")}));
  ASSERT_THAT(Findings(), SizeIs(2));
  EXPECT_EQ(Findings()[1].device_uid, a.uid);
  EXPECT_THAT(Findings()[1].details, Contains(Pair("known_from", a.uid)));
  // And back to the first: that is a change too.
  ASSERT_OK(Report(By(a), {Os("1", "a")}));
  EXPECT_EQ(Findings()[1].times, 2);
  ASSERT_OK(Report(By(a), {Os("1", "a")}));
  EXPECT_EQ(Findings()[1].times, 2);
}

TEST_P(FirmwareReportTest, WhatIsAllowedRaisesNothing) {
  SetPolicy("firmware_rollback_policy", FindingPolicy::kAllow);
  SetPolicy("firmware_digest_policy", FindingPolicy::kAllow);
  const Running device = GivenRunning("1");
  ASSERT_OK(Report(By(device), {Os("1", "a", 5)}));
  ASSERT_OK(Report(By(device), {Os("1", "b", 4)}));
  EXPECT_THAT(Findings(true), IsEmpty());
}

TEST_P(FirmwareReportTest, AFindingMayDenyNewCertificates) {
  SetPolicy("firmware_rollback_policy", FindingPolicy::kDenyRenewal);
  const Running device = GivenRunning("1");
  ASSERT_OK(Report(By(device), {Os("1", "a", 5)}));
  ASSERT_OK(Report(By(device), {Os("1", "a", 4)}));
  EXPECT_EQ(Device(device).denials, 1);
  const FindingRow finding = Findings()[0];
  const auto denied =
      Enroll(device.admitted, OperationalKey(device.uid)).status();
  EXPECT_THAT(denied, StatusIs(StatusCode::kFailedPrecondition,
                               reasons::kFindingDeniesRenewal));
  EXPECT_THAT(std::string(denied.message()),
              testing::HasSubstr("fleets/acme/findings/" + finding.finding_id));
  // Nor together with others.
  EnrollmentAttempt attempt;
  attempt.contact = By(device);
  attempt.enrollment.key = OperationalKey(device.uid);
  attempt.enrollment.event = Event("renewed");
  attempt.enrollment.event.from_state = 2;
  attempt.enrollment.mutation = Change();
  EXPECT_THAT(backend_->registration().EnrollNew({&attempt}),
              IsOkAndHolds(ElementsAre(false)));
  // It is acknowledged, and denies still; it is closed, and does not.
  ASSERT_OK(Move(finding, FindingState::kAcknowledged));
  EXPECT_EQ(Device(device).denials, 1);
  ASSERT_OK(Move(finding, FindingState::kClosed));
  EXPECT_EQ(Device(device).denials, 0);
  EXPECT_OK(Enroll(device.admitted, OperationalKey(device.uid)));
  // Found again, it is another one.
  ASSERT_OK(Report(By(device), {Os("1", "a", 4)}));
  EXPECT_THAT(Findings(), SizeIs(1));
  EXPECT_THAT(Findings(true), SizeIs(2));
  EXPECT_EQ(Device(device).denials, 1);
}

TEST_P(FirmwareReportTest, AFindingMayQuarantineAndTheReportSucceeds) {
  SetPolicy("firmware_rollback_policy", FindingPolicy::kQuarantine);
  const Running device = GivenRunning("1"), other = GivenRunning("2");
  ASSERT_OK(Report(By(device), {Os("1", "a", 5)}));
  const auto statuses = Send(
      {Attempt(device, {Os("1", "a", 4)}), Attempt(other, {Os("1", "a", 4)})});
  EXPECT_OK(statuses[0]);
  EXPECT_OK(statuses[1]);
  EXPECT_EQ(Device(device).state, DeviceState::kQuarantined);
  EXPECT_EQ(Device(other).state, DeviceState::kActive);
  EXPECT_THAT(
      backend_->gate().Check("ldevid", device.certificate.serial),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
  const auto quarantine =
      backend_->devices().Quarantines({device.uid}).value().at(device.uid);
  EXPECT_EQ(quarantine.actor, "birthmark:policy");
  EXPECT_THAT(quarantine.reason, testing::HasSubstr(Findings()[0].finding_id));
  EXPECT_THAT(backend_->Audit("device.quarantine"),
              ElementsAre("fleets/acme/devices/" + device.uid));
  EXPECT_THAT(
      Report(By(device), {Os("1", "a", 4)}),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceNotActive));
  // The counts follow, though state and firmware changed together.
  EXPECT_EQ(
      backend_->Sql("SELECT state, sum(devices) FROM device_count_changes "
                    "WHERE component = 'os' GROUP BY state "
                    "ORDER BY state"),
      "2|1\n3|1\n");
  // Who releases it knows what is open: the finding counts on.
  ASSERT_OK(Act(device.uid, DeviceActKind::kRelease));
  ASSERT_OK(Report(By(device), {Os("1", "a", 4)}));
  EXPECT_EQ(Device(device).state, DeviceState::kActive);
  EXPECT_EQ(Findings()[0].times, 2);
}

TEST_P(FirmwareReportTest, InventoryRaisesFindingsToo) {
  SetPolicy("shared_prime_policy", FindingPolicy::kQuarantine);
  const Running active = GivenRunning("1");
  const AdmissionRequest registered = GivenDevice(batch_, "2");
  const auto found = [this](const std::string& uid) {
    const absl::Time now = Now();
    return FindingRow{.finding_id = Uid(),
                      .device_uid = uid,
                      .kind = FindingKind::kSharedPrime,
                      .subject = std::string(64, 'a'),
                      .create_time = now,
                      .last_time = now};
  };
  const auto raise = [&](std::vector<FindingRow> findings) {
    return inventory_.Raise(
        findings, kActor, [this] { return Uid(); },
        [this](const FindingRow& row) {
          return Entry("finding.raise", row.finding_id);
        });
  };
  ASSERT_OK_AND_ASSIGN(
      const auto raised,
      raise({found(active.uid), found(active.uid), found(Uid()),
             found(registered.device.device_uid)}));
  EXPECT_THAT(
      raised,
      ElementsAre(Field(&FindingRow::effect, FindingEffect::kQuarantine),
                  Field(&FindingRow::effect, FindingEffect::kDenyRenewal)));
  EXPECT_EQ(Device(active).state, DeviceState::kQuarantined);
  // Who cannot be isolated gets no certificate.
  EXPECT_THAT(Enroll(registered, OperationalKey(registered.device.device_uid)),
              StatusIs(StatusCode::kFailedPrecondition,
                       reasons::kFindingDeniesRenewal));
  ASSERT_OK_AND_ASSIGN(const auto again, raise({found(active.uid)}));
  EXPECT_THAT(again, ElementsAre(Field(&FindingRow::times, 2)));
  EXPECT_THAT(raise({}), IsOkAndHolds(IsEmpty()));
}

TEST_P(FirmwareReportTest, FindingsMoveOnceAndUnderTheirVersion) {
  const Running device = GivenRunning("1");
  ASSERT_OK(Report(By(device), {Os("1", "a", 5)}));
  ASSERT_OK(Report(By(device), {Os("1", "a", 4)}));
  const FindingRow finding = Findings()[0];
  EXPECT_THAT(inventory_.Get("other", finding.finding_id),
              StatusIs(StatusCode::kNotFound, reasons::kFindingNotFound));
  EXPECT_THAT(inventory_.Get("acme", "x"),
              StatusIs(StatusCode::kNotFound, reasons::kFindingNotFound));
  EXPECT_THAT(Move(finding, FindingState::kAcknowledged, 7),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  ASSERT_OK_AND_ASSIGN(const FindingRow seen,
                       Move(finding, FindingState::kAcknowledged, 1));
  EXPECT_EQ(seen.version, 2);
  EXPECT_EQ(seen.acknowledge_actor, kActor);
  EXPECT_EQ(seen.note, "seen");
  // The state is what it was: nothing is stored.
  ASSERT_OK(Move(finding, FindingState::kAcknowledged));
  EXPECT_EQ(inventory_.Get("acme", finding.finding_id)->version, 2);
  ASSERT_OK(Move(finding, FindingState::kClosed, 2));
  EXPECT_EQ(inventory_.Get("acme", finding.finding_id)->close_actor, kActor);
  EXPECT_THAT(backend_->Audit("finding.move"), SizeIs(2));
  EXPECT_THAT(EventKinds(device),
              testing::IsSupersetOf({"finding_raised", "finding_acknowledged",
                                     "finding_closed"}));
}

TEST_P(FirmwareReportTest, ListsFindingsPageByPage) {
  std::vector<Running> devices;
  for (const char* item : {"1", "2", "3"}) {
    devices.push_back(GivenRunning(item));
    ASSERT_OK(Report(By(devices.back()), {Os("1", "a", 5)}));
    ASSERT_OK(Report(By(devices.back()), {Os("1", "a", 4)}));
  }
  ASSERT_OK(Move(Findings()[1], FindingState::kClosed));
  const auto list = [this](FindingFilter filter, int limit,
                           std::optional<FindingCursor> after = {}) {
    std::vector<std::string> uids;
    const auto rows = inventory_.List(filter, after, limit);
    for (const auto& row : rows.value()) {
      uids.push_back(row.device_uid);
    }
    return uids;
  };
  const auto& a = devices[0].uid;
  const auto& b = devices[1].uid;
  const auto& c = devices[2].uid;
  for (const char* fleet : {"acme", ""}) {
    EXPECT_THAT(list({.fleet_id = fleet}, 9), ElementsAre(a, c));
    EXPECT_THAT(list({.fleet_id = fleet, .closed = true}, 9),
                ElementsAre(a, b, c));
    EXPECT_THAT(list({.fleet_id = fleet, .closed = true}, 2),
                ElementsAre(a, b));
    const FindingRow first = Findings(true)[0];
    EXPECT_THAT(list({.fleet_id = fleet, .closed = true}, 9,
                     FindingCursor{first.create_time, first.finding_id}),
                ElementsAre(b, c));
    EXPECT_THAT(list({.fleet_id = fleet, .device_uid = b}, 9), IsEmpty());
    EXPECT_THAT(list({.fleet_id = fleet, .device_uid = b, .closed = true}, 9),
                ElementsAre(b));
  }
  EXPECT_THAT(list({.fleet_id = "other", .closed = true}, 9), IsEmpty());
  EXPECT_THAT(list({.fleet_id = "other", .device_uid = a}, 9), IsEmpty());
  EXPECT_THAT(list({.device_uid = "x"}, 9), IsEmpty());
}

TEST_P(FirmwareReportTest, ConcurrentReportsOfTheSameDevicesAllCount) {
  std::vector<Running> devices;
  for (const char* item : {"1", "2", "3", "4"}) {
    devices.push_back(GivenRunning(item));
  }
  constexpr int kThreads = 4;
  constexpr int kRounds = 10;
  // Made here: the fixture is not for threads.
  std::vector<std::vector<std::vector<FirmwareAttempt>>> work(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int round = 0; round < kRounds; ++round) {
      auto& group = work[thread].emplace_back();
      for (size_t i = 0; i < devices.size(); ++i) {
        // In different orders, and each round a version that is new to all.
        const Running& device = devices[(i + thread) % devices.size()];
        group.push_back(
            Attempt(device, {Os(absl::StrCat(round), absl::StrCat(thread))}));
      }
    }
  }
  std::vector<std::thread> threads;
  std::vector<int> failures(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (const auto& group : work[thread]) {
        for (const absl::Status& status : Send(group)) {
          failures[thread] += status.ok() ? 0 : 1;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(failures, testing::Each(0));
  EXPECT_EQ(Count("firmware_reports"), "160");
  EXPECT_EQ(Count("device_firmware"), "4");
  EXPECT_EQ(Count("firmware_digests"), "10");
  EXPECT_THAT(backend_->Audit("device.report_firmware"), SizeIs(160));
  EXPECT_EQ(backend_->Sql("SELECT sum(devices) FROM device_count_changes "
                          "WHERE component = 'os'"),
            "4\n");
}

TEST_P(FirmwareReportTest, ReportsAndQuarantinesAndRenewalsDoNotMix) {
  SetPolicy("firmware_rollback_policy", FindingPolicy::kQuarantine);
  std::vector<Running> devices;
  std::vector<FirmwareAttempt> first, down;
  std::vector<EnrollmentAttempt> renewals;
  for (int i = 0; i < 12; ++i) {
    devices.push_back(GivenRunning(absl::StrCat(i)));
    first.push_back(Attempt(devices.back(), {Os("1", "a", 5)}));
    down.push_back(Attempt(devices.back(), {Os("1", "a", 4)}));
    EnrollmentAttempt renewal;
    renewal.contact = By(devices.back());
    renewal.enrollment.key = OperationalKey(devices.back().uid);
    renewal.enrollment.event = Event("renewed");
    renewal.enrollment.event.from_state = 2;
    renewal.enrollment.mutation = Change();
    renewals.push_back(renewal);
  }
  Send(first);
  std::vector<const EnrollmentAttempt*> attempts;
  for (const EnrollmentAttempt& renewal : renewals) {
    attempts.push_back(&renewal);
  }
  std::vector<bool> renewed;
  std::thread renewing(
      [&] { renewed = backend_->registration().EnrollNew(attempts).value(); });
  std::thread reporting([&] { Send(down); });
  renewing.join();
  reporting.join();
  for (size_t i = 0; i < devices.size(); ++i) {
    EXPECT_EQ(Device(devices[i]).state, DeviceState::kQuarantined);
    // A key that came in before is held as soon as it has its certificate.
    if (!renewed[i]) {
      continue;
    }
    const CertificateRow late =
        GivenCertificate(renewals[i].enrollment.key, "ldevid");
    EXPECT_THAT(
        backend_->gate().Check("ldevid", late.serial),
        StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, FirmwareReportTest,
                         testing::ValuesIn(Backends()), BackendName);

}  // namespace
}  // namespace birthmark::storage
