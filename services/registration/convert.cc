#include "services/registration/convert.h"

#include "absl/strings/str_cat.h"
#include "lib/base/resource_name.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/status.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/crl_entry_size.h"
#include "lib/x509/serial.h"
#include "services/registration/certificate_selector.h"
#include "services/registration/line_access.h"

namespace birthmark::registration {

provisioning::v1::Line ToProto(const storage::LineRow& row) {
  provisioning::v1::Line line;
  line.set_name(LineName{row.fleet_id, row.line_id}.Format());
  for (const std::string& model : row.models) {
    line.add_models(model);
  }
  line.set_quota(row.quota);
  line.set_issued_count(row.issued);
  switch (row.state) {
    case storage::LineState::kActive:
      line.set_state(provisioning::v1::LINE_STATE_ACTIVE);
      break;
    case storage::LineState::kDisabled:
      line.set_state(provisioning::v1::LINE_STATE_DISABLED);
      break;
  }
  line.set_etag(rpc::MakeEtag(row.version));
  *line.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  return line;
}

provisioning::v1::Batch ToProto(const storage::BatchRow& row,
                                const storage::BatchCounts& counts) {
  provisioning::v1::Batch batch;
  batch.set_name(BatchName{{row.fleet_id, row.line_id}, row.batch_id}.Format());
  batch.set_profile(absl::StrCat("profiles/", row.profile));
  switch (row.state) {
    case storage::BatchState::kOpen:
      batch.set_state(provisioning::v1::BATCH_STATE_OPEN);
      break;
    case storage::BatchState::kClosed:
      batch.set_state(provisioning::v1::BATCH_STATE_CLOSED);
      break;
  }
  batch.set_issued_count(counts.issued);
  batch.set_failed_count(counts.failed);
  // As stored.
  batch.set_key_protection(
      static_cast<device::v1::KeyProtection>(row.key_protection));
  *batch.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  return batch;
}

provisioning::v1::IssueBatchResponse::Result ToProto(
    const storage::ItemResult& row) {
  provisioning::v1::IssueBatchResponse::Result result;
  result.set_item_id(row.item_id);
  if (row.certificate_der.empty()) {
    *result.mutable_error() = rpc::ToProto(row.status);
  } else {
    result.set_certificate_der(row.certificate_der);
    result.set_device_uid(row.device_uid);
  }
  return result;
}

std::string CertificateName(const storage::RevocationRow& row) {
  return FormatName("issuers/{issuer}/certificates/{serial}",
                    {row.issuer_id, x509::SerialToHex(row.serial)});
}

revocation::v1::Revocation ToProto(const storage::RevocationRow& row) {
  revocation::v1::Revocation revocation;
  revocation.set_certificate(CertificateName(row));
  // Both are the CRLReason codes of RFC 5280.
  revocation.set_reason(
      static_cast<certificate::v1::RevocationReason>(row.reason));
  *revocation.mutable_revoke_time() = rpc::ToTimestamp(row.revoke_time);
  if (row.invalidity_time.has_value()) {
    *revocation.mutable_invalidity_time() =
        rpc::ToTimestamp(*row.invalidity_time);
  }
  revocation.set_actor(row.actor);
  revocation.set_etag(rpc::MakeEtag(row.version));
  revocation.set_crl_shard(row.crl_shard);
  // As stored.
  revocation.set_state(static_cast<revocation::v1::RevocationState>(row.state));
  return revocation;
}

revocation::v1::RevocationJob ToProto(const storage::RevocationJobRow& row) {
  revocation::v1::RevocationJob job;
  if (!row.job_id.empty()) {
    job.set_name(FormatName("revocationJobs/{job}", {row.job_id}));
    // As stored.
    job.set_state(static_cast<revocation::v1::RevocationJobState>(row.state));
    job.set_etag(rpc::MakeEtag(row.version));
    *job.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  }
  *job.mutable_selector() = FormatSelector(row.selector);
  job.set_reason(static_cast<certificate::v1::RevocationReason>(row.reason));
  if (row.invalidity_time.has_value()) {
    *job.mutable_invalidity_time() = rpc::ToTimestamp(*row.invalidity_time);
  }
  job.set_rate(row.rate);
  job.set_expected_count(row.expected);
  job.set_expected_crl_bytes(
      row.expected_entries *
      x509::CrlEntrySize(row.reason, row.invalidity_time.has_value()));
  job.set_expected_crl_shards(row.expected_shards);
  job.set_revoked_count(row.revoked);
  job.set_already_revoked_count(row.already_revoked);
  job.set_expired_count(row.expired);
  job.set_create_actor(row.create_actor);
  job.set_approve_actor(row.approve_actor);
  if (row.end_time.has_value()) {
    *job.mutable_end_time() = rpc::ToTimestamp(*row.end_time);
  }
  job.set_last_error(row.last_error);
  return job;
}

revocation::v1::EnforcementPoint ToProto(
    const storage::EnforcementPointRow& row, int64_t latest_revision) {
  revocation::v1::EnforcementPoint point;
  point.set_name(FormatName("enforcementPoints/{point}", {row.point_id}));
  point.set_revision(row.revision);
  point.set_latest_revision(latest_revision);
  if (row.report_time.has_value()) {
    *point.mutable_report_time() = rpc::ToTimestamp(*row.report_time);
  }
  if (row.next_update.has_value()) {
    *point.mutable_next_update_time() = rpc::ToTimestamp(*row.next_update);
  }
  *point.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  return point;
}

}  // namespace birthmark::registration
