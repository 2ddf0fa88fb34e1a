#include "services/registration/convert.h"

#include "absl/strings/str_cat.h"
#include "lib/base/resource_name.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/status.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/serial.h"
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

revocation::v1::Revocation ToProto(const storage::RevocationRow& row) {
  revocation::v1::Revocation revocation;
  revocation.set_certificate(
      FormatName("issuers/{issuer}/certificates/{serial}",
                 {row.issuer_id, x509::SerialToHex(row.serial)}));
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
  return revocation;
}

}  // namespace birthmark::registration
