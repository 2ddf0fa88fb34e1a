#include "lib/storage/fake_batch_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;

absl::Status Fail(StatusCode code, absl::string_view reason,
                  absl::string_view resource) {
  return MakeError(code, reason, "fake", {{"resource", resource}});
}

BatchRow* FindBatch(FakeDatabase::Tables& tables, absl::string_view fleet_id,
                    absl::string_view line_id, absl::string_view batch_id) {
  for (auto& [key, row] : tables.batches) {
    if (row.fleet_id == fleet_id && row.line_id == line_id &&
        row.batch_id == batch_id) {
      return &row;
    }
  }
  return nullptr;
}

// AdmitOne admits one item, or says why not.
Admission AdmitOne(FakeDatabase::Tables& tables, const BatchRow& batch,
                   LineRow& line, const AdmissionRequest& request) {
  Admission admission;
  FakeDatabase::Item& item = tables.items[{batch.batch_key, request.item_id}];
  if (!item.serial.empty()) {
    if (item.csr_sha256 != request.csr_sha256) {
      admission.status = Fail(StatusCode::kInvalidArgument,
                              reasons::kRequestIdReused, request.item_id);
      return admission;
    }
    admission.device_uid = item.device_uid;
    admission.serial = item.serial;
    const auto certificate = tables.certificates.find(item.serial);
    if (certificate != tables.certificates.end()) {
      admission.certificate_der = certificate->second.certificate_der;
    } else if (tables.devices.at(item.device_uid).state >=
               DeviceState::kDecommissioning) {
      admission.status = Fail(StatusCode::kFailedPrecondition,
                              reasons::kDeviceNotActive, item.device_uid);
    }
    return admission;
  }
  const bool hardware_taken = std::any_of(
      tables.devices.begin(), tables.devices.end(), [&](const auto& entry) {
        const DeviceRow& device = entry.second;
        return device.fleet_id == batch.fleet_id &&
               device.model == request.device.model &&
               device.serial_number == request.device.serial_number &&
               device.state != DeviceState::kDecommissioned;
      });
  if (tables.keys.count(request.key.spki_sha256) != 0) {
    admission.status = Fail(StatusCode::kAlreadyExists,
                            reasons::kKeyAlreadyEnrolled, request.item_id);
  } else if (hardware_taken) {
    admission.status = Fail(StatusCode::kAlreadyExists, reasons::kDeviceExists,
                            request.item_id);
  } else if (line.quota != 0 && line.issued >= line.quota) {
    admission.status =
        MakeError(StatusCode::kResourceExhausted, reasons::kLineQuotaExceeded,
                  "fake", {{"limit", absl::StrCat(line.quota)}});
  }
  item = {.csr_sha256 = request.csr_sha256, .status = admission.status};
  if (!admission.status.ok()) {
    return admission;
  }
  DeviceRow device = request.device;
  device.fleet_id = batch.fleet_id;
  device.line_id = batch.line_id;
  device.batch_id = batch.batch_id;
  device.state = DeviceState::kRegistered;
  tables.devices[device.device_uid] = device;
  tables.keys[request.key.spki_sha256] = request.key;
  tables.events.push_back(request.event);
  tables.audit.push_back(request.audit);
  item.device_uid = admission.device_uid = device.device_uid;
  item.serial = admission.serial = request.key.serial;
  ++line.issued;
  return admission;
}

}  // namespace

absl::StatusOr<BatchRow> FakeBatchStore::Create(const BatchRow& row,
                                                const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  if (transaction->lines.count({row.fleet_id, row.line_id}) == 0) {
    return Fail(StatusCode::kNotFound, reasons::kLineNotFound, row.line_id);
  }
  const BatchRow* found =
      FindBatch(transaction.tables(), row.fleet_id, row.line_id, row.batch_id);
  if (found != nullptr) {
    if (found->profile != row.profile ||
        (row.key_protection != KeyProtection::kNotSaid &&
         found->key_protection != row.key_protection)) {
      return Fail(StatusCode::kAlreadyExists, reasons::kBatchExists,
                  row.batch_id);
    }
    return *found;
  }
  BatchRow fresh = row;
  fresh.batch_key = static_cast<int64_t>(transaction->batches.size()) + 1;
  fresh.state = BatchState::kOpen;
  transaction->batches[fresh.batch_key] = fresh;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return fresh;
}

absl::StatusOr<BatchRow> FakeBatchStore::Get(absl::string_view fleet_id,
                                             absl::string_view line_id,
                                             absl::string_view batch_id) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const BatchRow* found =
      FindBatch(transaction.tables(), fleet_id, line_id, batch_id);
  if (found == nullptr) {
    return Fail(StatusCode::kNotFound, reasons::kBatchNotFound, batch_id);
  }
  return *found;
}

absl::StatusOr<BatchCounts> FakeBatchStore::Count(int64_t batch_key) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  BatchCounts counts;
  for (const auto& [key, item] : transaction->items) {
    if (key.first == batch_key) {
      counts.issued += transaction->certificates.count(item.serial);
      counts.failed += item.status.ok() ? 0 : 1;
    }
  }
  return counts;
}

absl::StatusOr<std::vector<BatchRow>> FakeBatchStore::List(
    absl::string_view fleet_id, absl::string_view line_id, int64_t after_key,
    int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<BatchRow> rows;
  for (const auto& [key, row] : transaction->batches) {
    if (key > after_key && row.fleet_id == fleet_id && row.line_id == line_id &&
        static_cast<int>(rows.size()) < limit) {
      rows.push_back(row);
    }
  }
  return rows;
}

absl::StatusOr<BatchRow> FakeBatchStore::Close(absl::string_view fleet_id,
                                               absl::string_view line_id,
                                               absl::string_view batch_id,
                                               const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  BatchRow* found =
      FindBatch(transaction.tables(), fleet_id, line_id, batch_id);
  if (found == nullptr) {
    return Fail(StatusCode::kNotFound, reasons::kBatchNotFound, batch_id);
  }
  if (found->state == BatchState::kOpen) {
    found->state = BatchState::kClosed;
    BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  }
  transaction.Commit();
  return *found;
}

absl::StatusOr<std::vector<Admission>> FakeBatchStore::Admit(
    const BatchRow& batch, absl::Span<const AdmissionRequest> requests,
    bool /*sent_before*/, const AlertMaker& alert_for) {
  std::vector<Admission> admissions;
  if (requests.empty()) {
    return admissions;
  }
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto stored = transaction->batches.find(batch.batch_key);
  if (stored == transaction->batches.end()) {
    return Fail(StatusCode::kNotFound, reasons::kBatchNotFound, batch.batch_id);
  }
  LineRow& line = transaction->lines.at({batch.fleet_id, batch.line_id});
  if (line.state != LineState::kActive) {
    return Fail(StatusCode::kFailedPrecondition, reasons::kLineDisabled,
                batch.line_id);
  }
  if (stored->second.state != BatchState::kOpen) {
    return Fail(StatusCode::kFailedPrecondition, reasons::kBatchClosed,
                batch.batch_id);
  }
  for (const AdmissionRequest& request : requests) {
    admissions.push_back(
        AdmitOne(transaction.tables(), stored->second, line, request));
    if (Reason(admissions.back().status) == reasons::kKeyAlreadyEnrolled) {
      transaction->audit.push_back(alert_for(request));
    }
  }
  transaction.Commit();
  return admissions;
}

absl::Status FakeBatchStore::RecordFailures(
    int64_t batch_key, absl::Span<const ItemFailure> failures, absl::Time) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  for (const ItemFailure& failure : failures) {
    FakeDatabase::Item& item = transaction->items[{batch_key, failure.item_id}];
    if (item.serial.empty()) {
      item = {.csr_sha256 = failure.csr_sha256, .status = failure.status};
    }
  }
  transaction.Commit();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ItemResult>> FakeBatchStore::ListResults(
    int64_t batch_key, absl::string_view after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<ItemResult> results;
  for (const auto& [key, item] : transaction->items) {
    if (key.first != batch_key || key.second <= after ||
        static_cast<int>(results.size()) >= limit) {
      continue;
    }
    ItemResult result = {.item_id = key.second,
                         .device_uid = item.device_uid,
                         .status = item.status};
    const auto certificate = transaction->certificates.find(item.serial);
    if (certificate != transaction->certificates.end()) {
      result.certificate_der = certificate->second.certificate_der;
    } else if (item.status.ok()) {
      result.status =
          Fail(StatusCode::kUnavailable, reasons::kSignerOffline, key.second);
    }
    results.push_back(result);
  }
  return results;
}

}  // namespace birthmark::storage
