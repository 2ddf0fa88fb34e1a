#ifndef BIRTHMARK_LIB_STORAGE_FAKE_DATABASE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_DATABASE_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_store.h"
#include "lib/storage/device_row.h"
#include "lib/storage/enforcement_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/key_row.h"
#include "lib/storage/line_store.h"
#include "lib/storage/mutation.h"
#include "lib/storage/revocation_job_store.h"
#include "lib/storage/revocation_log.h"

namespace birthmark::storage {

// FakeDatabase is what the fake stores share: the tables in memory. Thread-safe
// through `mutex`, which the stores hold during a method. Must outlive them.
//
//   FakeDatabase database;
//   FakeFleetStore fleets(database);
//   database.FailNext(absl::UnavailableError("gone"));
//   fleets.Get("acme");  // fails so, and changes nothing
class FakeDatabase {
 public:
  // FailNext makes the next call of any store fail with `status`.
  void FailNext(absl::Status status);

  // audit returns all audit entries, in the order of writing.
  std::vector<audit::Entry> audit();

  // The rest is for the fake stores.

  using FleetKey = std::string;
  using LineKey = std::pair<std::string, std::string>;
  using RequestKey = std::tuple<std::string, std::string, std::string>;

  struct Item {
    std::string csr_sha256;
    std::string device_uid;
    std::string serial;
    absl::Status status;
  };

  struct Shard {
    int assigned = 0;
    absl::Time live_until;
  };
  using ShardKey = std::pair<std::string, int>;
  struct Job {
    RevocationJobRow row;
    std::string position;  // the last serial number that it has gone through
  };

  // Tables are copied at the start of a change and put back if it fails.
  struct Tables {
    std::map<FleetKey, FleetRow> fleets;
    std::map<LineKey, LineRow> lines;
    std::map<int64_t, BatchRow> batches;
    std::map<std::pair<int64_t, std::string>, Item> items;
    std::map<std::string, DeviceRow> devices;
    std::map<std::string, KeyRow> keys;
    std::vector<DeviceEventRow> events;
    std::map<std::pair<std::string, std::string>, FirmwareRow> firmware;
    std::map<std::string, CertificateRow> certificates;  // no revocation
    std::map<std::string, RevocationRow> revocations;
    std::map<ShardKey, Shard> crl_shards;
    std::map<ShardKey, CrlRow> crls;
    std::vector<RevocationChange> changes;  // in order of revision
    std::map<std::string, Job> jobs;
    std::map<std::string, EnforcementPointRow> points;
    std::map<std::string, KeyAuditRow> key_audits;
    std::map<RequestKey, RequestRecord> requests;
    std::vector<audit::Entry> audit;
  };

  // Transaction holds the mutex, and undoes all changes unless committed.
  class Transaction {
   public:
    explicit Transaction(FakeDatabase& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    // failure is what FailNext ordered.
    const absl::Status& failure() const { return failure_; }
    Tables& tables() { return database_.tables_; }
    Tables* operator->() { return &database_.tables_; }
    // Commit also does what the database's triggers do.
    void Commit();
    // SkipTo keeps revisions up to `revision`, and places on the shards, from
    // being given again.
    void SkipTo(int64_t revision);
    int64_t last_revision() const { return database_.last_revision_; }

   private:
    const std::lock_guard<std::mutex> lock_;
    FakeDatabase& database_;
    const absl::Status failure_;
    Tables before_;
    bool committed_ = false;
  };

 private:
  std::mutex mutex_;
  absl::Status next_;
  Tables tables_;
  int64_t last_revision_ = 0;
};

// What several fake stores do, on tables that a transaction holds.
absl::Status FakeRecord(FakeDatabase::Tables& tables, const Mutation& mutation);
// FakeKey returns the key with the issuer of its certificate.
KeyRow FakeKey(const FakeDatabase::Tables& tables, const KeyRow& key);
// FakeCertificate returns the certificate with its revocation.
CertificateRow FakeCertificate(const FakeDatabase::Tables& tables,
                               const CertificateRow& certificate);
// FakeRevoke revokes `certificate` unless it is revoked; says whether it did.
bool FakeRevoke(FakeDatabase::Tables& tables, const CertificateRow& certificate,
                int reason, absl::string_view actor, absl::Time time);
// FakeLatestRevision returns the newest revision of a CRL shard, 0 if it has
// none.
int64_t FakeLatestRevision(const FakeDatabase::Tables& tables,
                           const FakeDatabase::ShardKey& shard);
// FakeIsLive says whether a shard still needs CRLs.
bool FakeIsLive(const FakeDatabase::Tables& tables,
                const FakeDatabase::ShardKey& key,
                const FakeDatabase::Shard& shard, absl::Time now);
// FakeBlockKey blocks a key, if it is known.
void FakeBlockKey(FakeDatabase::Tables& tables, const std::string& spki_sha256,
                  absl::Time time);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_DATABASE_H_
