#include "lib/storage/fake_revocation_job_store.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/revocation_act.h"

namespace birthmark::storage {
namespace {

using Job = FakeDatabase::Job;

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view job_id) {
  return MakeError(code, reason, "fake",
                   {{"resource", absl::StrCat("revocationJobs/", job_id)}});
}

bool Same(const std::string& want, const std::string& got) {
  return want.empty() || want == got;
}

bool Selects(const CertificateSelector& selector,
             const FakeDatabase::Tables& tables, const CertificateRow& row) {
  if (!Same(selector.issuer_id, row.issuer_id) ||
      !Same(selector.spki_sha256, row.spki_sha256) ||
      !Same(selector.fleet_id, row.fleet_id)) {
    return false;
  }
  const auto found = tables.devices.find(row.device_uid);
  if (found == tables.devices.end()) {
    return selector.model.empty() && selector.line_id.empty() &&
           selector.batch_id.empty() && selector.firmware_component.empty();
  }
  const DeviceRow& device = found->second;
  if (!Same(selector.model, device.model) ||
      !Same(selector.line_id, device.line_id) ||
      !Same(selector.batch_id, device.batch_id)) {
    return false;
  }
  if (selector.firmware_component.empty()) {
    return true;
  }
  const auto firmware =
      tables.firmware.find({device.device_uid, selector.firmware_component});
  return firmware != tables.firmware.end() &&
         firmware->second.firmware_version == selector.firmware_version;
}

const RevocationRow* RevocationOf(const FakeDatabase::Tables& tables,
                                  const CertificateRow& row) {
  const auto found = tables.revocations.find(row.serial);
  return found == tables.revocations.end() ? nullptr : &found->second;
}

// Takes one certificate into the job's account.
void Take(FakeDatabase::Tables& tables, Job& job, const CertificateRow& row,
          absl::Time now, const RevocationJobStore::EntryMaker& entry_for) {
  const RevocationRow* before = RevocationOf(tables, row);
  if (before != nullptr && before->state == RevocationState::kRevoked) {
    ++job.row.already_revoked;
    return;
  }
  if (row.not_after <= now) {
    ++job.row.expired;
    return;
  }
  const absl::Time second = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
  FakeRevoke(tables, row, job.row.reason, job.row.create_actor, second);
  RevocationRow& stored = tables.revocations[row.serial];
  stored.invalidity_time = job.row.invalidity_time;
  if (job.row.reason == kKeyCompromise) {
    FakeBlockKey(tables, row.spki_sha256, second);
  }
  const audit::Entry entry = entry_for(job.row, stored);
  const auto device = tables.devices.find(row.device_uid);
  if (device != tables.devices.end()) {
    tables.events.push_back(EventOf(stored, device->second.fleet_id,
                                    device->first, device->second.state,
                                    entry.id));
  }
  tables.audit.push_back(entry);
  ++job.row.revoked;
}

}  // namespace

absl::StatusOr<RevocationJobStore::Preview> FakeRevocationJobStore::Count(
    const CertificateSelector& selector, absl::Time issued_before) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  Preview preview;
  std::set<std::pair<std::string, int>> shards;
  for (const auto& [serial, row] : transaction->certificates) {
    const RevocationRow* revocation = RevocationOf(transaction.tables(), row);
    if (!Selects(selector, transaction.tables(), row) ||
        row.create_time >= issued_before || row.not_after <= issued_before ||
        (revocation != nullptr &&
         revocation->state == RevocationState::kRevoked)) {
      continue;
    }
    ++preview.certificates;
    if (row.crl_shard >= 0) {
      shards.insert({row.issuer_id, row.crl_shard});
      preview.crl_entries +=
          revocation == nullptr || revocation->state != RevocationState::kHeld;
    }
  }
  preview.shards = static_cast<int>(shards.size());
  return preview;
}

absl::Status FakeRevocationJobStore::Create(const RevocationJobRow& row,
                                            const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  if (!transaction->jobs.emplace(row.job_id, Job{row, ""}).second) {
    return Fail(absl::StatusCode::kAlreadyExists, reasons::kRevocationJobExists,
                row.job_id);
  }
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return absl::OkStatus();
}

absl::StatusOr<RevocationJobRow> FakeRevocationJobStore::Get(
    absl::string_view job_id) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto job = transaction->jobs.find(std::string(job_id));
  if (job == transaction->jobs.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kRevocationJobNotFound,
                job_id);
  }
  return job->second.row;
}

absl::StatusOr<std::vector<RevocationJobRow>> FakeRevocationJobStore::List(
    const std::optional<JobCursor>& after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<RevocationJobRow> rows;
  for (const auto& [id, job] : transaction->jobs) {
    if (!after.has_value() || std::tie(job.row.create_time, id) >
                                  std::tie(after->create_time, after->job_id)) {
      rows.push_back(job.row);
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const RevocationJobRow& a, const RevocationJobRow& b) {
              return std::tie(a.create_time, a.job_id) <
                     std::tie(b.create_time, b.job_id);
            });
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
}

absl::StatusOr<RevocationJobRow> FakeRevocationJobStore::Move(
    absl::string_view job_id, const Change& change,
    const MutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->jobs.find(std::string(job_id));
  if (found == transaction->jobs.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kRevocationJobNotFound,
                job_id);
  }
  RevocationJobRow row = found->second.row;
  BIRTHMARK_RETURN_IF_ERROR(change(row));
  if (row.state == found->second.row.state) {
    return row;
  }
  ++row.version;
  found->second.row = row;
  BIRTHMARK_RETURN_IF_ERROR(
      FakeRecord(transaction.tables(), mutation_for(row)));
  transaction.Commit();
  return row;
}

absl::StatusOr<std::optional<RevocationJobRow>> FakeRevocationJobStore::Step(
    absl::Time now, int limit, const EntryMaker& entry_for,
    const EndMaker& end_for, std::string& job_id) {
  FakeDatabase::Transaction transaction(database_);
  job_id.clear();
  Job* job = nullptr;
  for (auto& [id, candidate] : transaction->jobs) {
    if (candidate.row.state == RevocationJobState::kRunning &&
        candidate.row.next_step_time <= now &&
        (job == nullptr ||
         candidate.row.next_step_time < job->row.next_step_time)) {
      job = &candidate;
    }
  }
  if (job == nullptr) {
    BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
    return std::nullopt;
  }
  job_id = job->row.job_id;
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const int64_t revoked = job->row.revoked;
  int left = std::min(limit, job->row.rate);
  bool last = true;
  auto& certificates = transaction->certificates;
  for (auto it = certificates.upper_bound(job->position);
       it != certificates.end(); ++it) {
    if (!Selects(job->row.selector, transaction.tables(), it->second) ||
        it->second.create_time >= job->row.issued_before) {
      continue;
    }
    if (left == 0) {
      last = false;
      break;
    }
    --left;
    Take(transaction.tables(), *job, it->second, now, entry_for);
    job->position = it->first;
  }
  RevocationJobRow& row = job->row;
  row.next_step_time =
      std::max(row.next_step_time, now - absl::Milliseconds(200)) +
      absl::Seconds(row.revoked - revoked) / row.rate;
  row.update_time = now;
  row.last_error.clear();
  ++row.version;
  if (last) {
    row.state = RevocationJobState::kDone;
    row.end_time = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
    transaction->audit.push_back(end_for(row));
  }
  transaction.Commit();
  return row;
}

absl::Status FakeRevocationJobStore::Postpone(absl::string_view job_id,
                                              absl::string_view error,
                                              absl::Time until) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto job = transaction->jobs.find(std::string(job_id));
  if (job != transaction->jobs.end() &&
      job->second.row.state == RevocationJobState::kRunning) {
    job->second.row.last_error = std::string(error);
    job->second.row.next_step_time = until;
    ++job->second.row.version;
  }
  transaction.Commit();
  return absl::OkStatus();
}

}  // namespace birthmark::storage
