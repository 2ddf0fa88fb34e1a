#include "lib/storage/pg_revocation_job_store.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_row.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/revocation_act.h"
#include "lib/storage/revocation_selection.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

#define JOB_COLUMNS                                                            \
  "j.job_id, j.state, j.issuer_id, j.spki_sha256, j.fleet_id, j.model, "       \
  "j.line_id, j.batch_id, j.firmware_component, j.firmware_version, "          \
  "j.issued_before, j.reason, j.invalidity_time, j.rate, j.expected, "         \
  "j.revoked, j.already_revoked, j.expired, j.next_step_time, "                \
  "j.last_error, j.create_actor, j.approve_actor, j.version, "                 \
  "j.create_time, j.update_time, j.end_time, j.position, j.expected_entries, " \
  "j.expected_shards "

constexpr Statement kInsert = {"revocation_job_insert", R"(
    INSERT INTO revocation_jobs
      (job_id, state, issuer_id, spki_sha256, fleet_id, model, line_id,
       batch_id, firmware_component, firmware_version, issued_before, reason,
       invalidity_time, rate, expected, next_step_time, create_actor,
       create_time, update_time, expected_entries, expected_shards)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18, $18, $19, $20)
    ON CONFLICT DO NOTHING)"};
constexpr Statement kGet = {"revocation_job_get", "SELECT " JOB_COLUMNS R"(
    FROM revocation_jobs j WHERE j.job_id = $1)"};
constexpr Statement kLock = {"revocation_job_lock", "SELECT " JOB_COLUMNS R"(
    FROM revocation_jobs j WHERE j.job_id = $1 FOR UPDATE)"};
constexpr Statement kList = {"revocation_job_list", "SELECT " JOB_COLUMNS R"(
    FROM revocation_jobs j
    WHERE (j.create_time, j.job_id) > ($1::timestamptz, $2::text)
    ORDER BY j.create_time, j.job_id LIMIT $3)"};
constexpr Statement kMove = {"revocation_job_move", R"(
    UPDATE revocation_jobs AS j
    SET state = $2, approve_actor = $3, update_time = $4, end_time = $5,
        version = j.version + 1
    WHERE j.job_id = $1
    RETURNING )" JOB_COLUMNS};
// The one that has waited longest, so that all get on.
constexpr Statement kNextDue = {"revocation_job_next_due",
                                "SELECT " JOB_COLUMNS R"(
    FROM revocation_jobs j
    WHERE j.state = 2 AND j.next_step_time <= $1
    ORDER BY j.next_step_time LIMIT 1
    FOR UPDATE SKIP LOCKED)"};
// A step that comes a little late is made good, so that the rate is kept.
constexpr Statement kAdvance = {"revocation_job_advance", R"(
    UPDATE revocation_jobs AS j
    SET revoked = j.revoked + $2, already_revoked = j.already_revoked + $3,
        expired = j.expired + $4, position = $5, state = $6, end_time = $7,
        next_step_time =
          greatest(j.next_step_time, $8::timestamptz - interval '200 ms')
          + make_interval(secs => $2::double precision / j.rate),
        update_time = $8, last_error = '', version = j.version + 1
    WHERE j.job_id = $1
    RETURNING )" JOB_COLUMNS};
constexpr Statement kPostpone = {"revocation_job_postpone", R"(
    UPDATE revocation_jobs
    SET last_error = $2, next_step_time = $3, version = version + 1
    WHERE job_id = $1 AND state = 2)"};
constexpr Statement kDeviceStates = {"revocation_job_device_states", R"(
    SELECT d.device_uid, d.state, d.fleet_id
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN devices d ON d.device_uid = u.device_uid)"};

RevocationJobRow ReadJob(const pqxx::row& row) {
  return {.job_id = ReadText(row[0]),
          .state = static_cast<RevocationJobState>(ReadInt(row[1])),
          .selector = {.issuer_id = ReadText(row[2]),
                       .spki_sha256 = ReadBytes(row[3]),
                       .fleet_id = ReadText(row[4]),
                       .model = ReadText(row[5]),
                       .line_id = ReadText(row[6]),
                       .batch_id = ReadText(row[7]),
                       .firmware_component = ReadText(row[8]),
                       .firmware_version = ReadText(row[9])},
          .issued_before = ReadTime(row[10]),
          .reason = static_cast<int>(ReadInt(row[11])),
          .invalidity_time = ReadOptionalTime(row[12]),
          .rate = static_cast<int>(ReadInt(row[13])),
          .expected = ReadInt(row[14]),
          .expected_entries = ReadInt(row[27]),
          .expected_shards = static_cast<int>(ReadInt(row[28])),
          .revoked = ReadInt(row[15]),
          .already_revoked = ReadInt(row[16]),
          .expired = ReadInt(row[17]),
          .next_step_time = ReadTime(row[18]),
          .last_error = ReadText(row[19]),
          .create_actor = ReadText(row[20]),
          .approve_actor = ReadText(row[21]),
          .version = ReadInt(row[22]),
          .create_time = ReadTime(row[23]),
          .update_time = ReadTime(row[24]),
          .end_time = ReadOptionalTime(row[25])};
}

std::string ReadPosition(const pqxx::row& row) { return ReadBytes(row[26]); }

std::string Name(absl::string_view job_id) {
  return absl::StrCat("revocationJobs/", job_id);
}

absl::Status NotFound(absl::string_view job_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kRevocationJobNotFound,
                   "there is no such mass revocation",
                   {{"resource", Name(job_id)}});
}

// What a step came to.
struct Account {
  int revoked = 0;
  int already_revoked = 0;
  int expired = 0;
};

// StepOf is one step of one job, in a transaction that holds its row.
class StepOf {
 public:
  StepOf(Session& session, RevocationJobRow job, absl::Time now)
      : session_(session), job_(std::move(job)), now_(now) {}

  RevocationJobRow Run(absl::string_view position, int limit,
                       const RevocationJobStore::EntryMaker& entry_for,
                       const RevocationJobStore::EndMaker& end_for);

 private:
  // Times in the database are whole seconds, but for the throttle's.
  absl::Time Second() const {
    return absl::FromUnixSeconds(absl::ToUnixSeconds(now_));
  }
  Account Revoke(const std::vector<SelectedCertificate>& selected,
                 const RevocationJobStore::EntryMaker& entry_for);
  // Writes the history of the devices among `certificates`.
  void RecordHistory(
      const std::vector<RevocationRow>& revoked,
      const std::vector<audit::Entry>& entries,
      const std::map<absl::string_view, absl::string_view>& device_of_serial);

  Session& session_;
  const RevocationJobRow job_;
  const absl::Time now_;
};

void StepOf::RecordHistory(
    const std::vector<RevocationRow>& revoked,
    const std::vector<audit::Entry>& entries,
    const std::map<absl::string_view, absl::string_view>& device_of_serial) {
  UuidArray device_uids;
  for (const auto& [serial, device_uid] : device_of_serial) {
    device_uids.Add(device_uid);
  }
  struct Place {
    DeviceState state;
    std::string fleet_id;
  };
  std::map<std::string, Place> places;
  for (const auto& row : session_.Exec(kDeviceStates, device_uids.Take())) {
    places[ReadText(row[0])] = {static_cast<DeviceState>(ReadInt(row[1])),
                                ReadText(row[2])};
  }
  std::vector<DeviceEventRow> events;
  for (size_t i = 0; i < revoked.size(); ++i) {
    const auto device = device_of_serial.find(revoked[i].serial);
    if (device == device_of_serial.end()) {
      continue;
    }
    const auto place = places.find(std::string(device->second));
    if (place != places.end()) {
      events.push_back(EventOf(revoked[i], place->second.fleet_id, place->first,
                               place->second.state, entries[i].id));
    }
  }
  std::vector<const DeviceEventRow*> pointers;
  pointers.reserve(events.size());
  for (const DeviceEventRow& event : events) {
    pointers.push_back(&event);
  }
  RecordEvents(session_, pointers);
}

Account StepOf::Revoke(const std::vector<SelectedCertificate>& selected,
                       const RevocationJobStore::EntryMaker& entry_for) {
  Account account;
  std::vector<std::string> keys;
  std::vector<RevocationRow> rows;
  std::map<absl::string_view, absl::string_view> device_of_serial;
  for (const SelectedCertificate& certificate : selected) {
    if (certificate.revoked) {
      ++account.already_revoked;
    } else if (certificate.not_after <= now_) {
      ++account.expired;
    } else {
      keys.push_back(certificate.spki_sha256);
      rows.push_back({.serial = certificate.serial,
                      .issuer_id = certificate.issuer_id,
                      .crl_shard = certificate.crl_shard,
                      .not_after = certificate.not_after,
                      .reason = job_.reason,
                      .actor = job_.create_actor,
                      .revoke_time = Second(),
                      .invalidity_time = job_.invalidity_time,
                      .update_time = Second()});
      if (!certificate.device_uid.empty()) {
        device_of_serial[certificate.serial] = certificate.device_uid;
      }
    }
  }
  if (rows.empty()) {
    return account;
  }
  if (job_.reason == kKeyCompromise) {
    BlockKeys(session_, keys, Second());
  }
  const std::vector<RevocationRow> revoked = RevokeThese(session_, rows);
  account.revoked = static_cast<int>(revoked.size());
  // Somebody else was faster with the others.
  account.already_revoked += static_cast<int>(rows.size() - revoked.size());
  std::vector<audit::Entry> entries;
  entries.reserve(revoked.size());
  for (const RevocationRow& row : revoked) {
    entries.push_back(entry_for(job_, row));
  }
  RecordAudit(session_, entries);
  RecordHistory(revoked, entries, device_of_serial);
  return account;
}

RevocationJobRow StepOf::Run(absl::string_view position, int limit,
                             const RevocationJobStore::EntryMaker& entry_for,
                             const RevocationJobStore::EndMaker& end_for) {
  // Not more at once than a second's worth.
  const SelectedPart part =
      SelectPart(session_, job_.selector, job_.issued_before, position,
                 std::min(limit, job_.rate));
  const Account account = Revoke(part.certificates, entry_for);
  const RevocationJobState state =
      part.last ? RevocationJobState::kDone : RevocationJobState::kRunning;
  const auto advanced =
      session_.Exec(kAdvance, Text(job_.job_id), Int(account.revoked),
                    Int(account.already_revoked), Int(account.expired),
                    Bytes(part.position), Int(static_cast<int>(state)),
                    part.last ? At(Second()) : Param(), At(now_));
  RevocationJobRow after = ReadJob(advanced[0]);
  if (part.last) {
    RecordAudit(session_, {end_for(after)});
  }
  return after;
}

}  // namespace

absl::StatusOr<RevocationJobStore::Preview> PgRevocationJobStore::Count(
    const CertificateSelector& selector, absl::Time issued_before) {
  Preview preview;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        preview = CountSelected(session, selector, issued_before);
        return absl::OkStatus();
      }));
  return preview;
}

absl::Status PgRevocationJobStore::Create(const RevocationJobRow& row,
                                          const Mutation& mutation) {
  return database_.Transact([&](Session& session) -> absl::Status {
    const CertificateSelector& selector = row.selector;
    const auto inserted = session.Exec(
        kInsert, Text(row.job_id), Int(static_cast<int>(row.state)),
        TextOrNull(selector.issuer_id), BytesOrNull(selector.spki_sha256),
        TextOrNull(selector.fleet_id), TextOrNull(selector.model),
        TextOrNull(selector.line_id), TextOrNull(selector.batch_id),
        TextOrNull(selector.firmware_component),
        TextOrNull(selector.firmware_version), At(row.issued_before),
        Int(row.reason), AtOrNull(row.invalidity_time), Int(row.rate),
        Int(row.expected), At(row.next_step_time), Text(row.create_actor),
        At(row.create_time), Int(row.expected_entries),
        Int(row.expected_shards));
    if (inserted.affected_rows() == 0) {
      return MakeError(absl::StatusCode::kAlreadyExists,
                       reasons::kRevocationJobExists,
                       "there is a mass revocation of this name already",
                       {{"resource", Name(row.job_id)}});
    }
    return RecordMutation(session, mutation);
  });
}

absl::StatusOr<RevocationJobRow> PgRevocationJobStore::Get(
    absl::string_view job_id) {
  RevocationJobRow job;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(job_id));
        if (found.empty()) {
          return NotFound(job_id);
        }
        job = ReadJob(found[0]);
        return absl::OkStatus();
      }));
  return job;
}

absl::StatusOr<std::vector<RevocationJobRow>> PgRevocationJobStore::List(
    const std::optional<JobCursor>& after, int limit) {
  std::vector<RevocationJobRow> jobs;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        jobs.clear();
        for (const auto& row : session.Exec(
                 kList,
                 after.has_value() ? At(after->create_time) : BeforeAllTime(),
                 Text(after.has_value() ? after->job_id : ""), Int(limit))) {
          jobs.push_back(ReadJob(row));
        }
        return absl::OkStatus();
      }));
  return jobs;
}

absl::StatusOr<RevocationJobRow> PgRevocationJobStore::Move(
    absl::string_view job_id, const Change& change,
    const MutationMaker& mutation_for) {
  RevocationJobRow job;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kLock, Text(job_id));
        if (found.empty()) {
          return NotFound(job_id);
        }
        job = ReadJob(found[0]);
        const RevocationJobState before = job.state;
        BIRTHMARK_RETURN_IF_ERROR(change(job));
        if (job.state == before) {
          return absl::OkStatus();
        }
        const auto moved =
            session.Exec(kMove, Text(job_id), Int(static_cast<int>(job.state)),
                         TextOrNull(job.approve_actor), At(job.update_time),
                         AtOrNull(job.end_time));
        job = ReadJob(moved[0]);
        return RecordMutation(session, mutation_for(job));
      }));
  return job;
}

absl::StatusOr<std::optional<RevocationJobRow>> PgRevocationJobStore::Step(
    absl::Time now, int limit, const EntryMaker& entry_for,
    const EndMaker& end_for, std::string& job_id) {
  std::optional<RevocationJobRow> job;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        job.reset();
        job_id.clear();
        const auto due = session.Exec(kNextDue, At(now));
        if (due.empty()) {
          return absl::OkStatus();
        }
        RevocationJobRow before = ReadJob(due[0]);
        job_id = before.job_id;
        job = StepOf(session, std::move(before), now)
                  .Run(ReadPosition(due[0]), limit, entry_for, end_for);
        return absl::OkStatus();
      },
      // The next run goes on where this one got, committed or not.
      Database::InDoubt::kRerun));
  return job;
}

absl::Status PgRevocationJobStore::Postpone(absl::string_view job_id,
                                            absl::string_view error,
                                            absl::Time until) {
  return database_.Transact([&](Session& session) -> absl::Status {
    session.Exec(kPostpone, Text(job_id), Text(error), At(until));
    return absl::OkStatus();
  });
}

}  // namespace birthmark::storage
