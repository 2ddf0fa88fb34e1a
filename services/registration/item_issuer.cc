#include "services/registration/item_issuer.h"

#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/hash.h"
#include "lib/rpc/status.h"
#include "services/registration/item_check.h"

namespace birthmark::registration {
namespace {

// Observes the time until it goes out of scope.
class StepTimer {
 public:
  StepTimer(Clock& clock, telemetry::Histogram& histogram)
      : clock_(clock), histogram_(histogram), start_(clock.MonotonicNow()) {}
  ~StepTimer() {
    histogram_.Observe(absl::ToDoubleSeconds(clock_.MonotonicNow() - start_));
  }

 private:
  Clock& clock_;
  telemetry::Histogram& histogram_;
  const absl::Duration start_;
};

// ItemDigest is what an admitted item is bound to: the CSR and what else its
// certificate is made of, so that a repeat under the same item id can never
// have something signed that differs from what was recorded.
std::string ItemDigest(const ItemIssuer::Item& item) {
  std::string bytes;
  for (const std::string* field :
       {&item.csr_der(), &item.model(), &item.serial_number()}) {
    AppendUint64(field->size(), bytes);
    bytes += *field;
  }
  return crypto::Sha256(bytes);
}

// AfterRetries is what the client hears when the database could not be
// persuaded. A commit in doubt is safe to repeat here: admission is idempotent.
absl::Status AfterRetries(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kUnknown) {
    return status;
  }
  return MakeError(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline,
                   "the database went away in the middle; nothing is lost, "
                   "open the batch again");
}

}  // namespace

// Work is a micro-batch on its way: vectors by item, then those by admission
// request.
struct ItemIssuer::Work {
  explicit Work(size_t count)
      : digests(count), keys(count), statuses(count), admission_of(count) {}

  std::vector<std::string> digests;
  std::vector<CertifiableKey> keys;
  // Why the item is refused before admission; OK if it is not.
  std::vector<absl::Status> statuses;
  // Which admission answers the item; several items may share one.
  std::vector<std::optional<size_t>> admission_of;

  std::vector<storage::AdmissionRequest> requests;
  std::vector<std::string> spki_ders;
  std::vector<storage::Admission> admissions;
  int newly_signed = 0;
};

std::string OpenBatch::name() const {
  return FormatName("fleets/{fleet}/lines/{line}/batches/{batch}",
                    {row.fleet_id, row.line_id, row.batch_id});
}

void ItemIssuer::Check(const OpenBatch& batch, const std::vector<Item>& items,
                       Work& work) const {
  StepTimer timer(clock_, metrics_.check_seconds);
  constexpr size_t kGroup = crypto::BatchVerifier::kGroup;
  const size_t groups = (items.size() + kGroup - 1) / kGroup;
  ParallelFor(check_pool_, groups, [&](size_t group) {
    const size_t first = group * kGroup;
    const auto some = absl::MakeConstSpan(items).subspan(first, kGroup);
    auto keys = CheckItems(some, batch.models, *batch.profile, verifier_);
    for (size_t i = 0; i < some.size(); ++i) {
      work.digests[first + i] = ItemDigest(some[i]);
      if (keys[i].ok()) {
        work.keys[first + i] = *std::move(keys[i]);
      } else {
        work.statuses[first + i] = keys[i].status();
      }
    }
  });
}

storage::AdmissionRequest ItemIssuer::MakeAdmission(
    const OpenBatch& batch, const Item& item, const std::string& digest,
    const CertifiableKey& key) const {
  const absl::Time now = NowSeconds(clock_);
  const std::string uid = crypto::NewUid(clock_);
  const std::string serial = serials_.Next();
  const std::string device =
      FormatName("fleets/{fleet}/devices/{device}", {batch.row.fleet_id, uid});

  storage::AdmissionRequest request;
  request.item_id = item.item_id();
  request.csr_sha256 = digest;
  request.device.device_uid = uid;
  request.device.fleet_id = batch.row.fleet_id;
  request.device.model = item.model();
  request.device.serial_number = item.serial_number();
  request.device.hardware_revision = item.hardware_revision();
  request.device.line_id = batch.row.line_id;
  request.device.batch_id = batch.row.batch_id;
  request.device.create_time = now;
  request.device.update_time = now;
  request.key = MakeKeyRow(key, storage::KeyUsage::kIdevid, uid, device, serial,
                           batch.profile->id, now);
  request.key.protection = batch.row.key_protection;
  request.event.device_uid = uid;
  request.event.fleet_id = batch.row.fleet_id;
  request.event.event_id = crypto::NewUid(clock_);
  request.event.kind = "provisioned";
  request.event.actor = batch.actor;
  // Key and certificate are listed with the device.
  request.event.details = {{"batch", batch.name()}, {"item", item.item_id()}};
  request.event.create_time = now;
  request.audit =
      audit::NewEntry(clock_, batch.actor, "device.provision", device,
                      {{"batch", batch.name()},
                       {"item", item.item_id()},
                       {"key", HexEncode(key.spki_sha256)},
                       {"serial", serial}});
  return request;
}

audit::Entry ItemIssuer::MakeAlert(
    const OpenBatch& batch, const storage::AdmissionRequest& request) const {
  return audit::NewEntry(
      clock_, batch.actor, "key.reuse_refused", batch.name(),
      {{"item", request.item_id}, {"key", HexEncode(request.key.spki_sha256)}});
}

absl::Status ItemIssuer::Admit(const OpenBatch& batch,
                               const std::vector<Item>& items,
                               const std::function<bool()>& stopped,
                               Work& work) const {
  StepTimer timer(clock_, metrics_.admit_seconds);
  absl::flat_hash_map<absl::string_view, size_t> request_by_item_id;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!work.statuses[i].ok()) {
      continue;
    }
    const auto [known, is_new] =
        request_by_item_id.emplace(items[i].item_id(), work.requests.size());
    if (is_new) {
      work.requests.push_back(
          MakeAdmission(batch, items[i], work.digests[i], work.keys[i]));
      work.spki_ders.push_back(work.keys[i].spki_der);
    } else if (work.requests[known->second].csr_sha256 != work.digests[i]) {
      work.statuses[i] = MakeError(
          absl::StatusCode::kInvalidArgument, reasons::kRequestIdReused,
          "this item_id was sent with another CSR, model or serial number "
          "before: give each board an item_id of its own",
          {{"field", "item_id"}, {"item_id", items[i].item_id()}});
      continue;
    }
    work.admission_of[i] = known->second;
  }
  if (work.requests.empty()) {
    return absl::OkStatus();
  }
  bool sent_before = batch.resumed;
  auto admissions = RetryTransient(retry_, stopped, [&] {
    return batches_.Admit(batch.row, work.requests,
                          std::exchange(sent_before, true),
                          [&](const storage::AdmissionRequest& request) {
                            return MakeAlert(batch, request);
                          });
  });
  if (!admissions.ok()) {
    return AfterRetries(admissions.status());
  }
  work.admissions = *std::move(admissions);
  if (work.admissions.size() != work.requests.size()) {
    return absl::InternalError("Admit gave another number of answers");
  }
  return absl::OkStatus();
}

absl::Status ItemIssuer::RecordFailures(const OpenBatch& batch,
                                        const std::vector<Item>& items,
                                        const std::function<bool()>& stopped,
                                        const Work& work) const {
  // The last failure of an item id counts. Ids that are no ids cannot be kept.
  std::map<std::string, storage::ItemFailure> by_item_id;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!work.statuses[i].ok() && CheckItemId(items[i].item_id()).ok()) {
      by_item_id[items[i].item_id()] = {items[i].item_id(), work.digests[i],
                                        work.statuses[i]};
    }
  }
  if (by_item_id.empty()) {
    return absl::OkStatus();
  }
  std::vector<storage::ItemFailure> failures;
  failures.reserve(by_item_id.size());
  for (auto& [item_id, failure] : by_item_id) {
    failures.push_back(std::move(failure));
  }
  return AfterRetries(RetryTransient(retry_, stopped, [&] {
    return batches_.RecordFailures(batch.row.batch_key, failures,
                                   NowSeconds(clock_));
  }));
}

absl::Status ItemIssuer::Sign(const OpenBatch& batch,
                              const std::function<bool()>& stopped,
                              Work& work) const {
  StepTimer timer(clock_, metrics_.sign_seconds);
  std::vector<size_t> unsigned_ones;
  std::vector<ca::v1::CertificateRequest> orders;
  bool first_attempt = true;
  for (size_t r = 0; r < work.requests.size(); ++r) {
    const storage::Admission& admission = work.admissions[r];
    if (!admission.status.ok() || !admission.certificate_der.empty()) {
      continue;
    }
    const storage::DeviceRow& device = work.requests[r].device;
    ca::v1::CertificateRequest order;
    // An earlier call may have admitted the item: its uid and serial count.
    order.set_serial(admission.serial);
    first_attempt &= admission.serial == work.requests[r].key.serial;
    order.set_spki_der(work.spki_ders[r]);
    order.mutable_device()->set_uid(admission.device_uid);
    order.mutable_device()->set_fleet(device.fleet_id);
    order.mutable_device()->set_model(device.model);
    order.mutable_device()->set_serial_number(device.serial_number);
    unsigned_ones.push_back(r);
    orders.push_back(std::move(order));
  }
  if (orders.empty()) {
    return absl::OkStatus();
  }
  auto issued = RetryTransient(retry_, stopped, [&] {
    return ca_.Issue(batch.profile->id, orders, batch.actor,
                     std::exchange(first_attempt, false));
  });
  if (!issued.ok()) {
    return std::move(issued).status();
  }
  for (size_t n = 0; n < unsigned_ones.size(); ++n) {
    storage::Admission& admission = work.admissions[unsigned_ones[n]];
    if (issued->certificates[n].ok()) {
      admission.certificate_der = *std::move(issued->certificates[n]);
      ++work.newly_signed;
    } else {
      admission.status = issued->certificates[n].status();
    }
  }
  return absl::OkStatus();
}

std::vector<ItemIssuer::Result> ItemIssuer::Answer(
    const std::vector<Item>& items, const Work& work) const {
  std::vector<Result> results(items.size());
  int refused = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    Result& result = results[i];
    result.set_item_id(items[i].item_id());
    absl::Status status = work.statuses[i];
    if (work.admission_of[i].has_value()) {
      const storage::Admission& admission =
          work.admissions[*work.admission_of[i]];
      status = admission.status;
      if (status.ok()) {
        result.set_certificate_der(admission.certificate_der);
        result.set_device_uid(admission.device_uid);
        continue;
      }
    }
    *result.mutable_error() = rpc::ToProto(status);
    ++refused;
    if (Reason(status) == reasons::kKeyAlreadyEnrolled) {
      metrics_.keys_reused.Increment();
    }
  }
  const int granted = static_cast<int>(items.size()) - refused;
  metrics_.items_refused.Increment(refused);
  metrics_.items_issued.Increment(work.newly_signed);
  metrics_.items_repeated.Increment(granted - work.newly_signed);
  return results;
}

absl::StatusOr<std::vector<ItemIssuer::Result>> ItemIssuer::Issue(
    const OpenBatch& batch, const std::vector<Item>& items,
    const std::function<bool()>& stopped) const {
  metrics_.micro_batch_items.Observe(static_cast<double>(items.size()));
  Work work(items.size());
  Check(batch, items, work);
  BIRTHMARK_RETURN_IF_ERROR(Admit(batch, items, stopped, work));
  // After admission, so that the failure of one CSR never hides that another
  // one with the same item id was admitted.
  BIRTHMARK_RETURN_IF_ERROR(RecordFailures(batch, items, stopped, work));
  BIRTHMARK_RETURN_IF_ERROR(Sign(batch, stopped, work));
  return Answer(items, work);
}

}  // namespace birthmark::registration
