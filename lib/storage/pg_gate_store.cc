#include "lib/storage/pg_gate_store.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr size_t kLargestGroup = 64;
constexpr size_t kGroupsAtATime = 4;

// By the serial number alone, which finds the partition.
constexpr Statement kCheck = {"gate_check", R"(
    SELECT u.n, r.state
    FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY
         AS u (serial, issuer_id, n)
    JOIN LATERAL (
      SELECT serial FROM certificates
      WHERE serial = u.serial AND issuer_id = u.issuer_id LIMIT 1) c ON true
    LEFT JOIN LATERAL (
      SELECT state FROM revocations WHERE serial = u.serial LIMIT 1) r
      ON true)"};
constexpr Statement kWiping = {"gate_wiping", "SELECT wiping_device($1)"};

absl::Status Unknown(absl::string_view issuer_id, absl::string_view serial) {
  return MakeError(absl::StatusCode::kUnauthenticated,
                   reasons::kCertificateUnknown,
                   "the certificate was not issued here",
                   {{"issuer", issuer_id}, {"serial", HexEncode(serial)}});
}

// What the revocation's state means; 0: never revoked.
absl::Status StatusOf(int64_t state, absl::string_view serial) {
  if (state != static_cast<int>(RevocationState::kHeld) &&
      state != static_cast<int>(RevocationState::kRevoked)) {
    return absl::OkStatus();
  }
  const bool held = state == static_cast<int>(RevocationState::kHeld);
  return MakeError(
      absl::StatusCode::kUnauthenticated, reasons::kCertificateRevoked,
      held ? "the certificate is on hold" : "the certificate is revoked",
      {{"serial", HexEncode(serial)},
       {"revocation", held ? "held" : "revoked"}});
}

}  // namespace

PgGateStore::PgGateStore(Database& database)
    : database_(database),
      combiner_(kLargestGroup, kGroupsAtATime,
                [this](const std::vector<Job*>& jobs) {
                  const absl::Status status = Read(jobs);
                  for (Job* job : jobs) {
                    if (!status.ok()) {
                      job->status = status;
                    }
                  }
                }) {}

absl::Status PgGateStore::Read(const std::vector<Job*>& jobs) {
  return database_.Read([&](Session& session) -> absl::Status {
    BytesArray serials;
    TextArray issuers;
    for (Job* job : jobs) {
      serials.Add(job->serial);
      issuers.Add(job->issuer_id);
      job->status = Unknown(job->issuer_id, job->serial);
    }
    for (const auto& row :
         session.Exec(kCheck, serials.Take(), issuers.Take())) {
      Job& job = *jobs.at(ReadInt(row[0]) - 1);
      job.status = StatusOf(ReadInt(row[1]), job.serial);
    }
    return absl::OkStatus();
  });
}

absl::Status PgGateStore::WipeStatus(const Job& job,
                                     const absl::Status& revoked) {
  return database_.Read([&](Session& session) -> absl::Status {
    const auto found = session.Exec(kWiping, Bytes(job.serial));
    const std::string device = ReadText(found[0][0]);
    if (device.empty()) {
      return revoked;
    }
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kWipeRequired,
                     "the device is being decommissioned: it has to ask for "
                     "its instruction and to wipe itself",
                     {{"resource", device}});
  });
}

absl::Status PgGateStore::Check(absl::string_view issuer_id,
                                absl::string_view serial) {
  Job job;
  job.issuer_id = std::string(issuer_id);
  job.serial = std::string(serial);
  combiner_.Run(job);
  return Reason(job.status) == reasons::kCertificateRevoked
             ? WipeStatus(job, job.status)
             : job.status;
}

}  // namespace birthmark::storage
