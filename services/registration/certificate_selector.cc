#include "services/registration/certificate_selector.h"

#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"
#include "services/registration/line_access.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

constexpr size_t kKeyIdSize = 32;
// As long as inventory and reports take them.
constexpr size_t kMaxText = 64;

// Sets `id`, which another field may have set too.
absl::Status Agree(const std::string& value, absl::string_view field,
                   std::string& id) {
  if (!id.empty() && id != value) {
    return rpc::InvalidField(field,
                             "contradicts another field: nothing can be "
                             "of both");
  }
  id = value;
  return absl::OkStatus();
}

absl::Status ReadFleets(const pb::CertificateSelector& from,
                        storage::CertificateSelector& to) {
  if (!from.fleet().empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<std::string> ids,
        ParseName("fleets/{fleet}", from.fleet(), "job.selector.fleet"));
    to.fleet_id = ids[0];
  }
  if (!from.line().empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(const LineName name,
                               ParseLineName(from.line(), "job.selector.line"));
    BIRTHMARK_RETURN_IF_ERROR(
        Agree(name.fleet, "job.selector.line", to.fleet_id));
    to.line_id = name.line;
  }
  if (!from.batch().empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const BatchName name,
        ParseBatchName(from.batch(), "job.selector.batch"));
    BIRTHMARK_RETURN_IF_ERROR(
        Agree(name.line.fleet, "job.selector.batch", to.fleet_id));
    BIRTHMARK_RETURN_IF_ERROR(
        Agree(name.line.line, "job.selector.batch", to.line_id));
    to.batch_id = name.batch;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<storage::CertificateSelector> ParseSelector(
    const pb::CertificateSelector& from) {
  if (from.ByteSizeLong() == 0) {
    return rpc::InvalidField("job.selector",
                             "is required, with one field at least");
  }
  storage::CertificateSelector to;
  if (!from.issuer().empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<std::string> ids,
        ParseName("issuers/{issuer}", from.issuer(), "job.selector.issuer"));
    to.issuer_id = ids[0];
  }
  if (!from.key_id().empty()) {
    const absl::StatusOr<std::string> key = HexDecode(from.key_id());
    if (!key.ok() || key->size() != kKeyIdSize) {
      return rpc::InvalidField(
          "job.selector.key_id",
          "must be the SHA-256 of the SPKI in lower-case hex, 64 digits");
    }
    to.spki_sha256 = *key;
  }
  BIRTHMARK_RETURN_IF_ERROR(ReadFleets(from, to));
  if (!from.model().empty()) {
    BIRTHMARK_RETURN_IF_ERROR(
        rpc::CheckText(from.model(), "job.selector.model", 1, kMaxText));
    to.model = from.model();
  }
  if (from.has_firmware()) {
    BIRTHMARK_RETURN_IF_ERROR(rpc::CheckId(from.firmware().component(),
                                           "job.selector.firmware.component"));
    BIRTHMARK_RETURN_IF_ERROR(rpc::CheckText(from.firmware().version(),
                                             "job.selector.firmware.version", 1,
                                             kMaxText));
    to.firmware_component = from.firmware().component();
    to.firmware_version = from.firmware().version();
  }
  return to;
}

pb::CertificateSelector FormatSelector(
    const storage::CertificateSelector& from) {
  pb::CertificateSelector to;
  if (!from.issuer_id.empty()) {
    to.set_issuer(FormatName("issuers/{issuer}", {from.issuer_id}));
  }
  to.set_key_id(HexEncode(from.spki_sha256));
  to.set_model(from.model);
  const LineName line = {from.fleet_id, from.line_id};
  if (!from.batch_id.empty()) {
    to.set_batch(BatchName{line, from.batch_id}.Format());
  } else if (!from.line_id.empty()) {
    to.set_line(line.Format());
  } else if (!from.fleet_id.empty()) {
    to.set_fleet(FormatName("fleets/{fleet}", {from.fleet_id}));
  }
  if (!from.firmware_component.empty()) {
    to.mutable_firmware()->set_component(from.firmware_component);
    to.mutable_firmware()->set_version(from.firmware_version);
  }
  return to;
}

}  // namespace birthmark::registration
