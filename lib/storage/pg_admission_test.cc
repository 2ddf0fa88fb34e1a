// Admission under fire: streams that race for the same items, keys, hardware
// and quota, and a database that dies in the middle.

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/random.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_batch_store.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_gate_store.h"
#include "lib/storage/pg_line_store.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using tests::PostgresCluster;

constexpr int kStreams = 4;
constexpr char kActor[] = "spiffe://birthmark.test/fleet/acme/line/one";

class AdmissionTest : public testing::Test {
 protected:
  static std::unique_ptr<Database> Open(const std::string& name,
                                        const char* role) {
    auto database =
        Database::Open(PostgresCluster::Shared().Dsn(name, role), kStreams + 1);
    EXPECT_OK(database);
    return *std::move(database);
  }

  audit::Entry Entry(absl::string_view action) {
    return {.id = crypto::NewUid(Clock::Real()),
            .time = Clock::Real().Now(),
            .actor = kActor,
            .action = std::string(action),
            .resource = "fleets/acme"};
  }

  BatchRow Batch(const std::string& line, int64_t quota = 0) {
    const absl::Time now = Clock::Real().Now();
    (void)fleets_.Create({.fleet_id = "acme",
                          .idevid_profile = "idevid",
                          .ldevid_profile = "ldevid",
                          .create_time = now,
                          .update_time = now},
                         {.audit = {Entry("fleet.create")}});
    EXPECT_OK(lines_.Create({.fleet_id = "acme",
                             .line_id = line,
                             .models = {"m"},
                             .quota = quota,
                             .create_time = now},
                            {.spki_sha256 = crypto::RandomBytes(32),
                             .owner = line,
                             .usage = KeyUsage::kClient,
                             .serial = crypto::RandomBytes(16),
                             .profile = "line",
                             .create_time = now},
                            {.audit = {Entry("line.create")}}));
    auto batch = batches_.Create({.fleet_id = "acme",
                                  .line_id = line,
                                  .batch_id = "b1",
                                  .profile = "idevid",
                                  .create_time = now},
                                 {.audit = {Entry("batch.create")}});
    EXPECT_OK(batch);
    return *batch;
  }

  // Item makes a request with a fresh uid and serial; what races is chosen by
  // the caller.
  AdmissionRequest Item(const std::string& id, const std::string& csr,
                        const std::string& key, const std::string& board) {
    const absl::Time now = Clock::Real().Now();
    AdmissionRequest request;
    request.item_id = id;
    request.csr_sha256 = crypto::Sha256("csr " + csr);
    request.device = {.device_uid = crypto::NewUid(Clock::Real()),
                      .model = "m",
                      .serial_number = board,
                      .create_time = now,
                      .update_time = now};
    request.key = {.spki_sha256 = crypto::Sha256("key " + key),
                   .device_uid = request.device.device_uid,
                   .owner = "device",
                   .serial = crypto::RandomBytes(16),
                   .profile = "idevid",
                   .create_time = now};
    request.event = {.device_uid = request.device.device_uid,
                     .fleet_id = "acme",
                     .event_id = crypto::NewUid(Clock::Real()),
                     .kind = "provisioned",
                     .actor = kActor,
                     .create_time = now};
    request.audit = Entry("device.provision");
    return request;
  }

  absl::StatusOr<std::vector<Admission>> Admit(
      const BatchRow& batch, const std::vector<AdmissionRequest>& requests) {
    return batches_.Admit(
        batch, requests, /*sent_before=*/false,
        [this](const AdmissionRequest&) { return Entry("key.refuse"); });
  }

  absl::Status Certify(const AdmissionRequest& request) {
    const absl::Time now = Clock::Real().Now();
    return certificates_
        .Insert({{.serial = request.key.serial,
                  .issuer_id = "idevid",
                  .profile = "idevid",
                  .profile_version = 1,
                  .spki_sha256 = request.key.spki_sha256,
                  .device_uid = request.device.device_uid,
                  .fleet_id = "acme",
                  .not_before = now,
                  .not_after = now + absl::Hours(1),
                  .certificate_der = "certificate",
                  .create_time = now}},
                {Entry("certificate.issue")})
        .status();
  }
  absl::Status Decommission(const AdmissionRequest& request) {
    return devices_
        .Act(
            "acme", request.device.device_uid, 1,
            {.kind = DeviceActKind::kDecommission,
             .reason = "test",
             .actor = kActor,
             .time = Clock::Real().Now()},
            [] { return crypto::NewUid(Clock::Real()); },
            [this](const DeviceActResult&) {
              return Mutation{.audit = {Entry("device.decommission")}};
            })
        .status();
  }

  // Race lets every stream admit the items that `item_of` makes for it, `count`
  // in batches of `size`, each stream in an order of its own.
  template <typename ItemOf>
  std::vector<std::vector<Admission>> Race(const BatchRow& batch, int count,
                                           int size, ItemOf item_of) {
    std::vector<std::vector<Admission>> all(kStreams);
    std::vector<std::thread> threads;
    for (int stream = 0; stream < kStreams; ++stream) {
      all[stream].resize(count);
      threads.emplace_back([&, stream] {
        std::vector<int> order(count);
        for (int i = 0; i < count; ++i) {
          order[i] = i;
        }
        std::mt19937 random(stream);
        std::shuffle(order.begin(), order.end(), random);
        for (int first = 0; first < count; first += size) {
          std::vector<AdmissionRequest> requests;
          const int end = std::min(first + size, count);
          for (int i = first; i < end; ++i) {
            requests.push_back(item_of(stream, order[i]));
          }
          const auto admissions = Admit(batch, requests);
          ASSERT_OK(admissions);
          for (int i = first; i < end; ++i) {
            all[stream][order[i]] = (*admissions)[i - first];
          }
        }
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    return all;
  }

  int64_t Rows(const std::string& table) {
    return std::stoll(
        PostgresCluster::Shared().Sql(name_, "SELECT count(*) FROM " + table));
  }
  void ExpectConsistent(const BatchRow& batch) {
    EXPECT_EQ(Rows("devices"), Rows("keys WHERE usage = 1"));
    EXPECT_EQ(Rows("devices"), Rows("batch_items WHERE serial IS NOT NULL"));
    EXPECT_EQ(Rows("devices"), Rows("device_events"));
    EXPECT_EQ(Rows("devices"),
              Rows("audit_entries WHERE action = 'device.provision'"));
    EXPECT_EQ(Rows("devices"), lines_.Get("acme", batch.line_id)->issued);
  }

  const std::string name_ = PostgresCluster::Shared().CreateDatabase();
  const std::unique_ptr<Database> registration_ =
      Open(name_, PostgresCluster::kRegistration);
  const std::unique_ptr<Database> inventory_ =
      Open(name_, PostgresCluster::kInventory);
  const std::unique_ptr<Database> ca_ = Open(name_, PostgresCluster::kCa);
  PgCertificateStore certificates_{*ca_};
  PgFleetStore fleets_{*inventory_};
  PgLineStore lines_{*registration_};
  PgBatchStore batches_{*registration_};
  PgDeviceStore devices_{*inventory_};
};

TEST_F(AdmissionTest, StreamsWithTheSameItemsGetTheSameAnswers) {
  const BatchRow batch = Batch("one");
  constexpr int kCount = 1000;
  const auto all = Race(batch, kCount, 100, [&](int, int i) {
    const std::string n = absl::StrCat(i);
    return Item(n, n, n, n);
  });
  for (int i = 0; i < kCount; ++i) {
    for (const auto& admissions : all) {
      EXPECT_OK(admissions[i].status);
      EXPECT_EQ(admissions[i].device_uid, all[0][i].device_uid);
      EXPECT_EQ(admissions[i].serial, all[0][i].serial);
    }
  }
  EXPECT_EQ(Rows("devices"), kCount);
  EXPECT_EQ(Rows("audit_entries WHERE action = 'key.refuse'"), 0);
  ExpectConsistent(batch);
}

TEST_F(AdmissionTest, OneStreamWinsEachKey) {
  const BatchRow batch = Batch("one");
  constexpr int kCount = 1000;
  const auto all = Race(batch, kCount, 100, [&](int stream, int i) {
    const std::string own = absl::StrCat(stream, "-", i);
    return Item(own, own, absl::StrCat(i), own);
  });
  for (int i = 0; i < kCount; ++i) {
    int winners = 0;
    for (const auto& admissions : all) {
      if (admissions[i].status.ok()) {
        ++winners;
      } else {
        EXPECT_THAT(
            admissions[i].status,
            StatusIs(StatusCode::kAlreadyExists, reasons::kKeyAlreadyEnrolled));
      }
    }
    EXPECT_EQ(winners, 1) << i;
  }
  EXPECT_EQ(Rows("devices"), kCount);
  EXPECT_EQ(Rows("audit_entries WHERE action = 'key.refuse'"),
            (kStreams - 1) * kCount);
  ExpectConsistent(batch);
}

TEST_F(AdmissionTest, OneStreamWinsEachItemIdAndEachBoard) {
  const BatchRow batch = Batch("one");
  constexpr int kCount = 400;
  // Even numbers race for the item id, odd ones for the hardware.
  const auto all = Race(batch, kCount, 50, [&](int stream, int i) {
    const std::string own = absl::StrCat(stream, "-", i);
    const std::string same = absl::StrCat(i);
    return i % 2 == 0 ? Item(same, own, own, own) : Item(own, own, own, same);
  });
  for (int i = 0; i < kCount; ++i) {
    int winners = 0;
    for (const auto& admissions : all) {
      if (admissions[i].status.ok()) {
        ++winners;
      } else if (i % 2 == 0) {
        EXPECT_THAT(admissions[i].status, StatusIs(StatusCode::kInvalidArgument,
                                                   reasons::kRequestIdReused));
      } else {
        EXPECT_THAT(admissions[i].status, StatusIs(StatusCode::kAlreadyExists,
                                                   reasons::kDeviceExists));
      }
    }
    EXPECT_EQ(winners, 1) << i;
  }
  ExpectConsistent(batch);
}

TEST_F(AdmissionTest, StreamsSpendTheQuotaExactly) {
  constexpr int kQuota = 333;
  const BatchRow batch = Batch("one", kQuota);
  const auto all = Race(batch, 200, 20, [&](int stream, int i) {
    const std::string own = absl::StrCat(stream, "-", i);
    return Item(own, own, own, own);
  });
  int admitted = 0;
  for (const auto& admissions : all) {
    for (const auto& admission : admissions) {
      if (admission.status.ok()) {
        ++admitted;
      } else {
        EXPECT_THAT(admission.status, StatusIs(StatusCode::kResourceExhausted,
                                               reasons::kLineQuotaExceeded));
      }
    }
  }
  EXPECT_EQ(admitted, kQuota);
  ExpectConsistent(batch);
}

TEST_F(AdmissionTest, KeepsItsWordWhenTheDatabaseIsKilled) {
  const BatchRow batch = Batch("one");
  constexpr int kCount = 600;
  constexpr int kSize = 20;
  std::atomic<int> batches_done = 0;
  std::vector<std::map<std::string, std::string>> answered(kStreams);
  std::vector<std::thread> threads;
  for (int stream = 0; stream < kStreams; ++stream) {
    threads.emplace_back([&, stream] {
      for (int first = 0; first < kCount; first += kSize) {
        while (true) {  // as a line does: again until there is an answer
          std::vector<AdmissionRequest> requests;
          for (int i = first; i < first + kSize; ++i) {
            const std::string own = absl::StrCat(stream, "-", i);
            requests.push_back(Item(own, own, own, own));
          }
          const auto admissions = Admit(batch, requests);
          if (admissions.ok()) {
            for (int i = 0; i < kSize; ++i) {
              EXPECT_OK((*admissions)[i].status);
              answered[stream][requests[i].item_id] = (*admissions)[i].serial;
            }
            ++batches_done;
            break;
          }
          ASSERT_THAT(admissions.status(),
                      testing::AnyOf(StatusIs(StatusCode::kUnavailable,
                                              reasons::kDatabaseOffline),
                                     StatusIs(StatusCode::kUnknown)));
        }
      }
    });
  }
  for (const int done : {15, 60}) {
    while (batches_done < done) {
      std::this_thread::yield();
    }
    PostgresCluster::Shared().KillHard();
    PostgresCluster::Shared().Start();
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(Rows("devices"), kStreams * kCount);
  ExpectConsistent(batch);
  // Each item has the serial that was answered.
  for (int stream = 0; stream < kStreams; ++stream) {
    std::vector<AdmissionRequest> requests;
    for (int i = 0; i < kCount; ++i) {
      const std::string own = absl::StrCat(stream, "-", i);
      requests.push_back(Item(own, own, own, own));
    }
    ASSERT_OK_AND_ASSIGN(const auto again, Admit(batch, requests));
    for (int i = 0; i < kCount; ++i) {
      EXPECT_EQ(again[i].serial, answered[stream][requests[i].item_id]);
    }
  }
}

// The database writes an entry by itself: it has to look like all the others.
TEST_F(AdmissionTest, WritesTheEntryOfALateCertificateInTheOneSpelling) {
  const BatchRow batch = Batch("one");
  const AdmissionRequest item = Item("1", "1", "1", "1");
  ASSERT_OK(Admit(batch, {item}));
  ASSERT_OK(Decommission(item));
  ASSERT_OK(Certify(item));
  const std::vector<std::string> fields = absl::StrSplit(
      PostgresCluster::Shared().Sql(
          name_,
          "SELECT entry_id, (extract(epoch FROM entry_time) * 1000)::bigint, "
          "resource, encode(leaf_hash, 'hex'), entry FROM audit_entries "
          "WHERE action = 'certificate.revoke'"),
      absl::MaxSplits('|', 4));
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_TRUE(IsUid(fields[0])) << fields[0];
  EXPECT_EQ(fields[2],
            "issuers/idevid/certificates/" + HexEncode(item.key.serial));
  const std::string canonical =
      audit::Canonical({.id = fields[0],
                        .time = absl::FromUnixMillis(std::stoll(fields[1])),
                        .actor = "birthmark:retired-key",
                        .action = "certificate.revoke",
                        .resource = fields[2],
                        .details = {{"reason", "cessationOfOperation"}}});
  EXPECT_EQ(fields[4], canonical + "\n");
  EXPECT_EQ(fields[3], HexEncode(audit::LeafHash(canonical)));
}

// Decommissioning races with the certificates of the same devices: whoever is
// first, no certificate stays good.
TEST_F(AdmissionTest, NoCertificateOfADecommissionedDeviceStaysGood) {
  const BatchRow batch = Batch("one");
  constexpr int kCount = 100;
  std::vector<AdmissionRequest> requests;
  for (int i = 0; i < kCount; ++i) {
    const std::string n = absl::StrCat(i);
    requests.push_back(Item(n, n, n, n));
  }
  ASSERT_OK(Admit(batch, requests));
  std::thread signer([&] {
    for (const auto& request : requests) {
      EXPECT_OK(Certify(request));
    }
  });
  for (const auto& request : requests) {
    EXPECT_OK(Decommission(request));
  }
  signer.join();
  PgGateStore gate(*ca_);
  for (const auto& request : requests) {
    EXPECT_THAT(
        gate.Check("idevid", request.key.serial),
        StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
  }
}

}  // namespace
}  // namespace birthmark::storage
