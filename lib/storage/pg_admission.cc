// PgBatchStore::Admit: the one transaction of the main path before signing.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/bulk.h"
#include "lib/storage/database.h"
#include "lib/storage/device_row.h"
#include "lib/storage/item_sql.h"
#include "lib/storage/key_row.h"
#include "lib/storage/key_sql.h"
#include "lib/storage/line_store.h"
#include "lib/storage/param.h"
#include "lib/storage/pg_batch_store.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kGate = {"admit_gate", R"(
    SELECT l.state, l.quota, l.issued, b.state
    FROM batches b JOIN lines l USING (fleet_id, line_id)
    WHERE b.batch_key = $1)"};
// One statement and so one snapshot: an item that another stream admits at the
// same time is seen with its key and its device, or not at all. A key without
// its item would look like somebody else's. LATERAL with a LIMIT makes each
// part a look-up by index, row by row, whatever the planner thinks of tables
// that were empty a minute ago.
constexpr Statement kFind = {"admit_find", R"(
    SELECT u.n, i.csr_sha256, i.device_uid, i.serial,
           k.spki_sha256 IS NOT NULL, d.device_uid
    FROM unnest($2::text[], $3::bytea[], $4::text[], $5::text[])
         WITH ORDINALITY u (item_id, spki_sha256, model, serial_number, n)
    LEFT JOIN LATERAL (
      SELECT csr_sha256, device_uid, serial FROM batch_items
      WHERE batch_key = $1 AND item_id = u.item_id AND serial IS NOT NULL
      LIMIT 1) i ON true
    LEFT JOIN LATERAL (
      SELECT spki_sha256 FROM keys
      WHERE spki_sha256 = u.spki_sha256 LIMIT 1) k ON true
    LEFT JOIN LATERAL (
      SELECT device_uid FROM devices
      WHERE fleet_id = $6 AND model = u.model
        AND serial_number = u.serial_number AND state <> 5
      LIMIT 1) d ON true
    WHERE i.serial IS NOT NULL OR k.spki_sha256 IS NOT NULL
       OR d.device_uid IS NOT NULL)"};
constexpr Statement kFindDone = {"admit_find_done", R"(
    SELECT u.n, d.state, c.certificate_der
    FROM unnest($1::uuid[], $2::bytea[])
         WITH ORDINALITY u (device_uid, serial, n)
    JOIN LATERAL (SELECT state FROM devices
                  WHERE device_uid = u.device_uid LIMIT 1) d ON true
    LEFT JOIN LATERAL (SELECT certificate_der FROM certificates
                       WHERE serial = u.serial LIMIT 1) c ON true)"};
constexpr BulkColumn kDeviceColumns[] = {
    Column<sql::Uuid>("device_uid"),
    Column<sql::Text>("fleet_id"),
    Column<sql::Smallint>("state"),
    Column<sql::Text>("model"),
    Column<sql::Text>("serial_number"),
    Column<sql::Text>("hardware_revision"),
    Column<sql::Text>("line_id"),
    Column<sql::Text>("batch_id"),
    Column<sql::Text>("display_name"),
    Column<sql::Timestamptz>("create_time"),
    Column<sql::Timestamptz>("update_time"),
};
constexpr BulkTable kDevices = {"devices", kDeviceColumns};
// The last statement: streams of the same line wait for each other here, until
// the commit.
constexpr Statement kCount = {"admit_count", R"(
    UPDATE lines SET issued = issued + $3::bigint
    WHERE fleet_id = $1 AND line_id = $2 AND state = 1
      AND (quota = 0 OR issued + $3::bigint <= quota)
      AND EXISTS (SELECT FROM batches WHERE batch_key = $4 AND state = 1))"};

// Found is what the database knows about one request already.
struct Found {
  std::string csr_sha256;  // of the item, if it was admitted
  std::string item_device;
  std::string serial;
  bool key_taken = false;
  std::string hardware_device;  // the living device of the same hardware
};

// Admitter is one run of the transaction.
class Admitter {
 public:
  Admitter(Session& session, const BatchRow& batch,
           absl::Span<const AdmissionRequest> requests, bool look_first)
      : session_(session),
        batch_(batch),
        requests_(requests),
        look_first_(look_first),
        if_taken_(look_first ? IfTaken::kInsertRest : IfTaken::kInsertNone),
        admissions_(requests.size()) {}

  // Run admits what is new. Without `look_first` all is taken for new, and
  // Rerun is the answer if it is not.
  absl::Status Run(const BatchStore::AlertMaker& alert_for);
  std::vector<Admission> TakeAdmissions() { return std::move(admissions_); }

 private:
  absl::Status PassGate();
  std::vector<Found> Find();
  void Decide(const std::vector<Found>& found);
  void AnswerDone(const std::vector<size_t>& done);
  int64_t InsertDevices();
  int64_t InsertWinnersKeys();
  int64_t InsertItems();

  absl::Status QuotaExceeded() const;
  std::string DeviceName(absl::string_view device_uid) const;

  Session& session_;
  const BatchRow& batch_;
  const absl::Span<const AdmissionRequest> requests_;
  const bool look_first_;
  const IfTaken if_taken_;
  std::vector<Admission> admissions_;
  int64_t quota_ = 0;
  int64_t issued_ = 0;
  std::vector<size_t> winners_;       // to be admitted
  std::vector<size_t> losers_;        // whose failure is recorded
  std::vector<size_t> refused_keys_;  // which raise an alert
};

absl::Status Admitter::PassGate() {
  const auto gate = session_.Exec(kGate, Int(batch_.batch_key));
  const std::string line =
      absl::StrCat("fleets/", batch_.fleet_id, "/lines/", batch_.line_id);
  const std::string name = absl::StrCat(line, "/batches/", batch_.batch_id);
  if (gate.empty()) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kBatchNotFound,
                     "there is no such batch", {{"resource", name}});
  }
  if (ReadInt(gate[0][0]) != static_cast<int>(LineState::kActive)) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kLineDisabled, "the line is disabled",
                     {{"resource", line}, {"state", "DISABLED"}});
  }
  if (ReadInt(gate[0][3]) != static_cast<int>(BatchState::kOpen)) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kBatchClosed, "the batch is closed",
                     {{"resource", name}, {"state", "CLOSED"}});
  }
  quota_ = ReadInt(gate[0][1]);
  issued_ = ReadInt(gate[0][2]);
  return absl::OkStatus();
}

std::vector<Found> Admitter::Find() {
  TextArray items, models, serial_numbers;
  BytesArray spkis;
  for (const AdmissionRequest& request : requests_) {
    items.Add(request.item_id);
    spkis.Add(request.key.spki_sha256);
    models.Add(request.device.model);
    serial_numbers.Add(request.device.serial_number);
  }
  const auto result = session_.Exec(
      kFind, Int(batch_.batch_key), items.Take(), spkis.Take(), models.Take(),
      serial_numbers.Take(), Text(batch_.fleet_id));
  std::vector<Found> found(requests_.size());
  for (const auto& row : result) {
    found.at(ReadInt(row[0]) - 1) = {.csr_sha256 = ReadBytes(row[1]),
                                     .item_device = ReadText(row[2]),
                                     .serial = ReadBytes(row[3]),
                                     .key_taken = ReadBool(row[4]),
                                     .hardware_device = ReadText(row[5])};
  }
  return found;
}

void Admitter::Decide(const std::vector<Found>& found) {
  absl::flat_hash_set<absl::string_view> keys;
  absl::flat_hash_set<std::pair<absl::string_view, absl::string_view>> hardware;
  std::vector<size_t> done;
  for (size_t i = 0; i < requests_.size(); ++i) {
    const AdmissionRequest& request = requests_[i];
    Admission& admission = admissions_[i];
    if (!found[i].serial.empty()) {
      if (found[i].csr_sha256 != request.csr_sha256) {
        admission.status = MakeError(
            absl::StatusCode::kInvalidArgument, reasons::kRequestIdReused,
            "the item was admitted with another CSR",
            {{"field", "item_id"}, {"item_id", request.item_id}});
        continue;
      }
      admission.device_uid = found[i].item_device;
      admission.serial = found[i].serial;
      done.push_back(i);
      continue;
    }
    const std::pair<absl::string_view, absl::string_view> board = {
        request.device.model, request.device.serial_number};
    if (found[i].key_taken || keys.count(request.key.spki_sha256) != 0) {
      admission.status = KeyAlreadyEnrolled(request.key.spki_sha256);
      refused_keys_.push_back(i);
    } else if (!found[i].hardware_device.empty()) {
      admission.status =
          MakeError(absl::StatusCode::kAlreadyExists, reasons::kDeviceExists,
                    "a device of this model has this serial number",
                    {{"resource", DeviceName(found[i].hardware_device)}});
    } else if (hardware.count(board) != 0) {
      admission.status =
          MakeError(absl::StatusCode::kAlreadyExists, reasons::kDeviceExists,
                    "another item has the same model and serial number",
                    {{"resource", absl::StrCat("fleets/", batch_.fleet_id)}});
    } else if (quota_ != 0 &&
               issued_ + static_cast<int64_t>(winners_.size()) >= quota_) {
      admission.status = QuotaExceeded();
    }
    if (!admission.status.ok()) {
      losers_.push_back(i);
      continue;
    }
    admission.device_uid = request.device.device_uid;
    admission.serial = request.key.serial;
    keys.insert(request.key.spki_sha256);
    hardware.insert(board);
    winners_.push_back(i);
  }
  AnswerDone(done);
}

void Admitter::AnswerDone(const std::vector<size_t>& done) {
  if (done.empty()) {
    return;
  }
  UuidArray devices;
  BytesArray serials;
  for (const size_t i : done) {
    devices.Add(admissions_[i].device_uid);
    serials.Add(admissions_[i].serial);
  }
  for (const auto& row :
       session_.Exec(kFindDone, devices.Take(), serials.Take())) {
    Admission& admission = admissions_[done.at(ReadInt(row[0]) - 1)];
    admission.certificate_der = ReadBytes(row[2]);
    // Admitted, never signed, and by now retired: there must be no certificate
    // that the decommissioning did not revoke.
    if (admission.certificate_der.empty() &&
        ReadInt(row[1]) >= static_cast<int>(DeviceState::kDecommissioning)) {
      admission.status = MakeError(
          absl::StatusCode::kFailedPrecondition, reasons::kDeviceNotActive,
          "the device was decommissioned before it had a certificate",
          {{"resource", DeviceName(admission.device_uid)},
           {"state", "DECOMMISSIONED"}});
    }
  }
}

int64_t Admitter::InsertDevices() {
  // Whoever wants the same hardware waits here, so all take it in one order.
  std::vector<size_t> order = winners_;
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    const DeviceRow& left = requests_[a].device;
    const DeviceRow& right = requests_[b].device;
    return std::tie(left.model, left.serial_number) <
           std::tie(right.model, right.serial_number);
  });
  BulkRows rows(kDevices, order.size());
  for (const size_t i : order) {
    const DeviceRow& device = requests_[i].device;
    rows.Add<sql::Uuid>(device.device_uid)
        .Add<sql::Text>(batch_.fleet_id)
        .Add<sql::Smallint>(static_cast<int>(DeviceState::kRegistered))
        .Add<sql::Text>(device.model)
        .Add<sql::Text>(device.serial_number)
        .Add<sql::Text>(device.hardware_revision)
        .Add<sql::Text>(batch_.line_id)
        .Add<sql::Text>(batch_.batch_id)
        .Add<sql::Text>(device.display_name)
        .Add<sql::Timestamptz>(device.create_time)
        .Add<sql::Timestamptz>(device.create_time);
  }
  return session_.InsertBulk(rows, if_taken_);
}

int64_t Admitter::InsertWinnersKeys() {
  std::vector<const KeyRow*> keys;
  keys.reserve(winners_.size());
  for (const size_t i : winners_) {
    keys.push_back(&requests_[i].key);
  }
  std::sort(keys.begin(), keys.end(), [](const KeyRow* a, const KeyRow* b) {
    return a->spki_sha256 < b->spki_sha256;
  });
  return InsertKeys(session_, keys, if_taken_);
}

int64_t Admitter::InsertItems() {
  std::vector<ItemRecord> records;
  records.reserve(winners_.size() + losers_.size());
  for (const auto* list : {&winners_, &losers_}) {
    for (const size_t i : *list) {
      records.push_back({.item_id = requests_[i].item_id,
                         .csr_sha256 = requests_[i].csr_sha256,
                         .device_uid = admissions_[i].device_uid,
                         .serial = admissions_[i].serial,
                         .status = admissions_[i].status,
                         .time = requests_[i].device.create_time});
    }
  }
  return RecordItems(session_, batch_.batch_key, std::move(records), if_taken_);
}

absl::Status Admitter::Run(const BatchStore::AlertMaker& alert_for) {
  BIRTHMARK_RETURN_IF_ERROR(PassGate());
  Decide(look_first_ ? Find() : std::vector<Found>(requests_.size()));
  const int64_t count = static_cast<int64_t>(winners_.size());
  // Fewer rows than winners: something is not new, or another stream was
  // faster.
  if (count > 0 && (InsertDevices() != count || InsertWinnersKeys() != count)) {
    return session_.Rerun();
  }
  if (InsertItems() != count) {
    return session_.Rerun();
  }
  std::vector<const DeviceEventRow*> events;
  std::vector<const audit::Entry*> entries;
  events.reserve(winners_.size());
  entries.reserve(winners_.size() + refused_keys_.size());
  for (const size_t i : winners_) {
    events.push_back(&requests_[i].event);
    entries.push_back(&requests_[i].audit);
  }
  std::vector<audit::Entry> alerts;
  alerts.reserve(refused_keys_.size());
  for (const size_t i : refused_keys_) {
    entries.push_back(&alerts.emplace_back(alert_for(requests_[i])));
  }
  RecordEvents(session_, events);
  RecordAudit(session_, entries);
  if (count > 0 &&
      session_.Exec(kCount, Text(batch_.fleet_id), Text(batch_.line_id),
                    Int(count), Int(batch_.batch_key))
              .affected_rows() == 0) {
    return session_.Rerun();
  }
  return absl::OkStatus();
}

absl::Status Admitter::QuotaExceeded() const {
  return MakeError(
      absl::StatusCode::kResourceExhausted, reasons::kLineQuotaExceeded,
      "the line has made as many devices as it may",
      {{"limit", absl::StrCat(quota_)},
       {"resource",
        absl::StrCat("fleets/", batch_.fleet_id, "/lines/", batch_.line_id)}});
}

std::string Admitter::DeviceName(absl::string_view device_uid) const {
  return absl::StrCat("fleets/", batch_.fleet_id, "/devices/", device_uid);
}

}  // namespace

absl::StatusOr<std::vector<Admission>> PgBatchStore::Admit(
    const BatchRow& batch, absl::Span<const AdmissionRequest> requests,
    bool sent_before, const AlertMaker& alert_for) {
  std::vector<Admission> admissions;
  if (requests.empty()) {
    return admissions;
  }
  // The unique indexes say whether all is new while they take the rows. Looking
  // first would cost as much again.
  bool look_first = sent_before;
  // Rerunning after a commit in doubt is harmless: the items that it admitted
  // are found as such.
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        Admitter admitter(session, batch, requests,
                          std::exchange(look_first, true));
        BIRTHMARK_RETURN_IF_ERROR(admitter.Run(alert_for));
        admissions = admitter.TakeAdmissions();
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return admissions;
}

}  // namespace birthmark::storage
