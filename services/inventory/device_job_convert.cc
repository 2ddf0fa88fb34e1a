#include "services/inventory/device_job_convert.h"

#include "absl/strings/str_cat.h"
#include "lib/base/resource_name.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/crl_entry_size.h"
#include "services/inventory/convert.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

// Of what quarantines and decommissions put on CRLs (RFC 5280, 5.3.1).
constexpr int kCessationOfOperation = 5;
constexpr int kCertificateHold = 6;

}  // namespace

std::string DeviceJobName(const storage::DeviceJobRow& job) {
  return FormatName(kDeviceJobPattern, {job.fleet_id, job.job_id});
}

std::string DeviceJobStateName(storage::DeviceJobState state) {
  // As stored.
  return pb::DeviceJobState_Name(static_cast<pb::DeviceJobState>(state));
}

std::map<std::string, std::string> DeviceJobAccount(
    const storage::DeviceJobRow& job) {
  return {{"devices", absl::StrCat(job.items)},
          {"done", absl::StrCat(job.done)},
          {"unchanged", absl::StrCat(job.unchanged)},
          {"failed", absl::StrCat(job.failed)}};
}

pb::DeviceJob ToProto(const storage::DeviceJobRow& row) {
  pb::DeviceJob job;
  job.set_name(DeviceJobName(row));
  // States and actions are as stored.
  job.set_state(static_cast<pb::DeviceJobState>(row.state));
  job.set_action(static_cast<pb::DeviceJobAction>(row.action));
  job.set_filter(row.filter);
  job.set_reason(row.reason);
  job.set_playbook(row.playbook);
  job.set_rate(row.rate);
  job.set_device_count(row.items);
  job.set_done_count(row.done);
  job.set_unchanged_count(row.unchanged);
  job.set_failed_count(row.failed);
  job.set_certificate_count(row.certificates);
  job.set_needs_approval(row.needs_approval);
  job.set_last_error(row.last_error);
  job.set_create_actor(row.create_actor);
  job.set_approve_actor(row.approve_actor);
  job.set_etag(rpc::MakeEtag(row.version));
  *job.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  *job.mutable_update_time() = rpc::ToTimestamp(row.update_time);
  if (row.end_time.has_value()) {
    *job.mutable_end_time() = rpc::ToTimestamp(*row.end_time);
  }
  return job;
}

pb::DeviceJobItem ToProto(absl::string_view fleet_id,
                          const storage::DeviceJobItemRow& row) {
  pb::DeviceJobItem item;
  item.set_device(FormatName(kDevicePattern, {fleet_id, row.device_uid}));
  item.set_outcome(static_cast<pb::DeviceJobOutcome>(row.outcome));
  item.set_error_reason(row.error_reason);
  return item;
}

void SetPreview(const storage::DeviceJobStore::Preview& preview,
                int64_t approval_threshold, pb::DeviceJob& job) {
  int64_t devices = 0;
  for (const auto& [state, count] : preview.devices) {
    pb::StateCount& row = *job.add_preview();
    row.set_state(static_cast<pb::DeviceState>(state));
    row.set_devices(count);
    devices += count;
  }
  const int reason = job.action() == pb::DEVICE_JOB_ACTION_DECOMMISSION
                         ? kCessationOfOperation
                         : kCertificateHold;
  job.set_device_count(devices);
  job.set_needs_approval(devices > approval_threshold);
  job.set_expected_certificates(preview.certificates);
  job.set_expected_crl_bytes(preview.crl_entries *
                             x509::CrlEntrySize(reason, false));
}

}  // namespace birthmark::inventory
