// PgRegistrationStore::ReportFirmware: what many devices say that they run, in
// one transaction.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"
#include "lib/storage/bulk.h"
#include "lib/storage/contact_sql.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/finding_sql.h"
#include "lib/storage/firmware_line.h"
#include "lib/storage/param.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kClaim = {"report_claim", R"(
    INSERT INTO requests
      (caller, method, request_id, request_hash, response, create_time)
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bytea[],
                         $5::bytea[], $6::timestamptz[])
    ON CONFLICT DO NOTHING
    RETURNING caller, request_id)"};
// What is known of each component, and of the version that it reports.
constexpr Statement kKnown = {"report_known", R"(
    SELECT u.n, f.firmware_version, f.digest, f.security_version,
           f.highest_security_version, g.digest, g.device_uid
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
         WITH ORDINALITY
         AS u (device_uid, fleet_id, model, component, firmware_version, n)
    LEFT JOIN LATERAL (
      SELECT firmware_version, digest, security_version,
             highest_security_version
      FROM device_firmware
      WHERE device_uid = u.device_uid AND component = u.component
      LIMIT 1) f ON true
    LEFT JOIN LATERAL (
      SELECT digest, device_uid FROM firmware_digests
      WHERE fleet_id = u.fleet_id AND model = u.model
        AND component = u.component AND firmware_version = u.firmware_version
      LIMIT 1) g ON true)"};
constexpr Statement kNewDigests = {"report_new_digests", R"(
    INSERT INTO firmware_digests
      (fleet_id, model, component, firmware_version, digest, device_uid,
       create_time)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],
                         $5::bytea[], $6::uuid[], $7::timestamptz[])
    ON CONFLICT DO NOTHING)"};
constexpr BulkColumn kHistoryColumns[] = {
    Column<sql::Uuid>("device_uid"),
    Column<sql::Uuid>("report_id"),
    Column<sql::Text>("component"),
    Column<sql::Text>("firmware_version"),
    Column<sql::Bytea>("digest"),
    Column<sql::Bigint>("security_version"),
    Column<sql::Timestamptz>("boot_time"),
    Column<sql::Timestamptz>("create_time"),
    Column<sql::Text>("fleet_id"),
};
constexpr BulkTable kHistory = {"firmware_reports", kHistoryColumns};
// The order of the rows is that of the devices, which are locked.
constexpr Statement kCurrent = {"report_current", R"(
    INSERT INTO device_firmware AS f
      (device_uid, component, firmware_version, digest, security_version,
       boot_time, report_time, fleet_id, device_time, highest_security_version)
    SELECT u.*, u.security_version
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bigint[],
                $6::timestamptz[], $7::timestamptz[], $8::text[],
                $9::timestamptz[])
         AS u (device_uid, component, firmware_version, digest,
               security_version, boot_time, report_time, fleet_id, device_time)
    ON CONFLICT (device_uid, component) DO UPDATE
    SET firmware_version = excluded.firmware_version,
        digest = excluded.digest,
        security_version = excluded.security_version,
        boot_time = excluded.boot_time, report_time = excluded.report_time,
        highest_security_version = greatest(f.highest_security_version,
                                            excluded.security_version)
    WHERE f.report_time <= excluded.report_time)"};

absl::Status Taken() {
  return MakeError(absl::StatusCode::kAborted, reasons::kTransactionConflict,
                   "another request with the same request_id was faster");
}

// Reporter is one run of the transaction, for attempts of different devices in
// order of uid.
class Reporter {
 public:
  Reporter(Session& session, std::vector<const FirmwareAttempt*> attempts)
      : session_(session),
        attempts_(std::move(attempts)),
        statuses_(attempts_.size()) {}

  absl::Status Run();
  std::vector<absl::Status> TakeStatuses() { return std::move(statuses_); }

 private:
  // Choose decides whose report counts.
  void Choose();
  // Claim takes the request ids.
  void Claim();
  void ReadKnown();
  // False: another transaction was faster.
  bool NoteDigests();
  void RecordReports();
  void RecordMarks();
  void Raise();

  Session& session_;
  const std::vector<const FirmwareAttempt*> attempts_;  // by position
  std::vector<absl::Status> statuses_;                  // likewise
  std::map<std::string, DeviceRow> devices_;
  std::vector<const FirmwareAttempt*> chosen_;
  std::vector<FirmwareLine> lines_;
  std::map<Release, FirstDigest> first_;
  std::vector<FindingRow> findings_;
};

void Reporter::Choose() {
  std::vector<absl::string_view> uids;
  for (const FirmwareAttempt* attempt : attempts_) {
    uids.push_back(attempt->contact.device_uid);
  }
  devices_ = LockDevices(session_, uids);
  for (size_t i = 0; i < attempts_.size(); ++i) {
    const FirmwareAttempt& attempt = *attempts_[i];
    const auto device = devices_.find(attempt.contact.device_uid);
    if (device == devices_.end()) {
      statuses_[i] = DeviceNotFound("", attempt.contact.device_uid);
    } else if (device->second.state != DeviceState::kActive) {
      statuses_[i] = DeviceNotActive(device->second);
    } else if (attempt.mutation.audit.empty()) {
      statuses_[i] = absl::InternalError("a mutation without an audit entry");
    }
  }
  Claim();
  for (size_t i = 0; i < attempts_.size(); ++i) {
    if (!statuses_[i].ok()) {
      continue;
    }
    const FirmwareAttempt* attempt = attempts_[i];
    chosen_.push_back(attempt);
    for (const FirmwareRow& row : attempt->reports) {
      lines_.push_back({.attempt = attempt,
                        .device = &devices_.at(attempt->contact.device_uid),
                        .row = &row});
    }
  }
}

void Reporter::Claim() {
  TextArray callers, methods;
  UuidArray ids;
  BytesArray hashes, responses;
  TimeArray times;
  std::map<std::pair<absl::string_view, absl::string_view>, size_t> wanted;
  for (size_t i = 0; i < attempts_.size(); ++i) {
    const auto& request = attempts_[i]->mutation.request;
    if (!statuses_[i].ok() || !request.has_value()) {
      continue;
    }
    wanted[{request->caller, request->request_id}] = i;
    callers.Add(request->caller);
    methods.Add(request->method);
    ids.Add(request->request_id);
    hashes.Add(request->request_hash);
    responses.Add(request->response);
    times.Add(attempts_[i]->contact.time);
  }
  if (wanted.empty()) {
    return;
  }
  for (const auto& row :
       session_.Exec(kClaim, callers.Take(), methods.Take(), ids.Take(),
                     hashes.Take(), responses.Take(), times.Take())) {
    wanted.erase({ReadText(row[0]), ReadText(row[1])});
  }
  for (const auto& [request, i] : wanted) {
    statuses_[i] = Taken();
  }
}

void Reporter::ReadKnown() {
  UuidArray devices;
  TextArray fleets, models, components, versions;
  for (const FirmwareLine& line : lines_) {
    devices.Add(line.device->device_uid);
    fleets.Add(line.device->fleet_id);
    models.Add(line.device->model);
    components.Add(line.row->component);
    versions.Add(line.row->firmware_version);
  }
  for (const auto& row :
       session_.Exec(kKnown, devices.Take(), fleets.Take(), models.Take(),
                     components.Take(), versions.Take())) {
    FirmwareLine& line = lines_.at(ReadInt(row[0]) - 1);
    if (!row[1].is_null()) {
      line.before = {.known = true,
                     .firmware_version = ReadText(row[1]),
                     .digest = ReadBytes(row[2]),
                     .security_version = ReadInt(row[3]),
                     .highest = ReadInt(row[4])};
    }
    if (!row[5].is_null()) {
      first_[line.release()] = {.digest = ReadBytes(row[5]),
                                .device_uid = ReadText(row[6])};
    }
  }
  for (const FirmwareLine& line : lines_) {
    first_.emplace(line.release(),
                   FirstDigest{.digest = line.row->digest,
                               .device_uid = line.device->device_uid,
                               .time = line.row->report_time,
                               .is_new = true});
  }
}

bool Reporter::NoteDigests() {
  // In order of the releases, as everybody does.
  TextArray fleets, models, components, versions;
  BytesArray digests;
  UuidArray devices;
  TimeArray times;
  int64_t count = 0;
  for (const auto& [release, first] : first_) {
    if (!first.is_new) {
      continue;
    }
    ++count;
    fleets.Add(std::get<0>(release));
    models.Add(std::get<1>(release));
    components.Add(std::get<2>(release));
    versions.Add(std::get<3>(release));
    digests.Add(first.digest);
    devices.Add(first.device_uid);
    times.Add(first.time);
  }
  return count == 0 ||
         session_.Exec(kNewDigests, fleets.Take(), models.Take(),
                       components.Take(), versions.Take(), digests.Take(),
                       devices.Take(), times.Take())
                 .affected_rows() == count;
}

void Reporter::RecordReports() {
  BulkRows history(kHistory, lines_.size());
  UuidArray devices;
  TextArray components, versions, fleets;
  BytesArray digests;
  BigintArray security;
  TimeArray boots, times, device_times;
  for (const FirmwareLine& line : lines_) {
    const FirmwareRow& row = *line.row;
    history.Add<sql::Uuid>(line.device->device_uid)
        .Add<sql::Uuid>(row.report_id)
        .Add<sql::Text>(row.component)
        .Add<sql::Text>(row.firmware_version)
        .Add<sql::Bytea>(row.digest)
        .Add<sql::Bigint>(row.security_version);
    if (row.boot_time.has_value()) {
      history.Add<sql::Timestamptz>(*row.boot_time);
    } else {
      history.AddNull();
    }
    history.Add<sql::Timestamptz>(row.report_time)
        .Add<sql::Text>(line.device->fleet_id);
    devices.Add(line.device->device_uid);
    components.Add(row.component);
    versions.Add(row.firmware_version);
    digests.Add(row.digest);
    security.Add(row.security_version);
    boots.AddIfAny(row.boot_time);
    times.Add(row.report_time);
    fleets.Add(line.device->fleet_id);
    device_times.Add(line.device->create_time);
  }
  if (session_.InsertBulk(history, IfTaken::kInsertNone) != history.size()) {
    throw std::logic_error("firmware_reports: an identifier is taken");
  }
  session_.Exec(kCurrent, devices.Take(), components.Take(), versions.Take(),
                digests.Take(), security.Take(), boots.Take(), times.Take(),
                fleets.Take(), device_times.Take());
}

void Reporter::RecordMarks() {
  std::map<absl::string_view, DeviceEventRow> events;
  for (const FirmwareLine& line : lines_) {
    if (!line.Changed()) {
      continue;
    }
    const auto [event, is_new] =
        events.emplace(line.device->device_uid, line.attempt->event);
    if (is_new) {
      event->second.device_uid = line.device->device_uid;
      event->second.fleet_id = line.device->fleet_id;
      event->second.from_state = static_cast<int>(line.device->state);
      event->second.to_state = line.device->state;
      event->second.details.clear();
    }
    event->second.details[line.row->component] = absl::StrCat(
        line.row->firmware_version, " ", HexEncode(line.row->digest));
  }
  std::vector<const DeviceEventRow*> rows;
  for (const auto& [device_uid, event] : events) {
    rows.push_back(&event);
  }
  RecordEvents(session_, rows);
  std::vector<const audit::Entry*> entries;
  for (const FirmwareAttempt* attempt : chosen_) {
    for (const audit::Entry& entry : attempt->mutation.audit) {
      entries.push_back(&entry);
    }
  }
  RecordAudit(session_, entries);
}

void Reporter::Raise() {
  for (const FirmwareLine& line : lines_) {
    FindOdd(line, first_.at(line.release()), findings_);
  }
  if (findings_.empty()) {
    return;
  }
  // After the events of the reports, in the histories of the devices too.
  absl::Time time = findings_.front().create_time;
  for (const FirmwareAttempt* attempt : chosen_) {
    for (const audit::Entry& entry : attempt->mutation.audit) {
      time = std::max(time, entry.time + absl::Milliseconds(1));
    }
  }
  const auto new_id = [time] {
    return FormatUid(time, crypto::RandomBytes(kUidRandomBytes));
  };
  RaiseFindings(session_, findings_, kPolicyActor, new_id,
                [&](const FindingRow& row) {
                  return RaisedEntry(row, kPolicyActor, new_id());
                });
}

absl::Status Reporter::Run() {
  Choose();
  if (chosen_.empty()) {
    return absl::OkStatus();
  }
  ReadKnown();
  if (!NoteDigests()) {
    return session_.Rerun();
  }
  RecordReports();
  std::vector<const Contact*> contacts;
  for (const FirmwareAttempt* attempt : chosen_) {
    contacts.push_back(&attempt->contact);
  }
  NoteContacts(session_, contacts);
  RecordMarks();
  // Last: a quarantine changes the device's state.
  Raise();
  return absl::OkStatus();
}

// Whether a transaction may succeed without one of its members: not if the
// database is away or others were in the way.
bool BlamesMember(const absl::Status& status) {
  return status.code() != absl::StatusCode::kUnavailable &&
         status.code() != absl::StatusCode::kAborted &&
         status.code() != absl::StatusCode::kUnknown &&
         status.code() != absl::StatusCode::kResourceExhausted;
}

// Report records attempts of different devices in order of uid.
std::vector<absl::Status> Report(
    Database& database, const std::vector<const FirmwareAttempt*>& attempts) {
  std::vector<absl::Status> statuses;
  const absl::Status status =
      database.Transact([&](Session& session) -> absl::Status {
        Reporter reporter(session, attempts);
        BIRTHMARK_RETURN_IF_ERROR(reporter.Run());
        statuses = reporter.TakeStatuses();
        return absl::OkStatus();
      });
  if (status.ok()) {
    return statuses;
  }
  if (attempts.size() == 1 || !BlamesMember(status)) {
    return std::vector<absl::Status>(attempts.size(), status);
  }
  statuses.clear();
  for (const FirmwareAttempt* attempt : attempts) {
    statuses.push_back(Report(database, {attempt}).front());
  }
  return statuses;
}

}  // namespace

std::vector<absl::Status> PgRegistrationStore::ReportFirmware(
    absl::Span<const FirmwareAttempt* const> attempts) {
  std::vector<absl::Status> statuses(attempts.size());
  // Positions by device: one of each goes into a transaction.
  std::map<absl::string_view, std::vector<size_t>> waiting;
  for (size_t i = 0; i < attempts.size(); ++i) {
    waiting[attempts[i]->contact.device_uid].push_back(i);
  }
  for (size_t round = 0; !waiting.empty(); ++round) {
    std::vector<const FirmwareAttempt*> group;
    std::vector<size_t> positions;
    for (auto device = waiting.begin(); device != waiting.end();) {
      positions.push_back(device->second[round]);
      group.push_back(attempts[positions.back()]);
      device = device->second.size() == round + 1 ? waiting.erase(device)
                                                  : std::next(device);
    }
    const std::vector<absl::Status> done = Report(database_, group);
    for (size_t i = 0; i < done.size(); ++i) {
      statuses[positions[i]] = done[i];
    }
  }
  return statuses;
}

}  // namespace birthmark::storage
