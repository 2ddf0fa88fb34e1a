#include "services/inventory/privacy_service.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_name.h"
#include "services/inventory/label.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

constexpr size_t kMaxReason = 500;

}  // namespace

void PrivacyServiceImpl::Register(rpc::Router& router) {
  rpc::ServeUnary(router,
                  "birthmark.device.v1.PrivacyService.ExportPersonalData", this,
                  &PrivacyServiceImpl::ExportPersonalData);
  rpc::ServeUnary(router,
                  "birthmark.device.v1.PrivacyService.ErasePersonalData", this,
                  &PrivacyServiceImpl::ErasePersonalData);
}

absl::StatusOr<pb::ExportPersonalDataResponse>
PrivacyServiceImpl::ExportPersonalData(
    const rpc::CallContext& context,
    const pb::ExportPersonalDataRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string fleet_id,
      ParseFleet(request.parent(), "parent", /*any_fleet=*/false));
  std::vector<std::string> uids;
  std::string next_page_token;
  if (request.has_device()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const DeviceId id,
        ParseDevice(request.device(), "device", /*any_fleet=*/false));
    if (id.fleet != fleet_id) {
      return rpc::InvalidField("device", "is not of the fleet in parent");
    }
    uids.push_back(id.uid);
  } else if (request.has_label()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const storage::LabelRow label,
        ReadLabel(request.label().key(), request.label().value(), "label"));
    BIRTHMARK_ASSIGN_OR_RETURN(rpc::Page<std::string> page,
                               rpc::ReadPage<std::string>(
                                   with_.page_tokens, request,
                                   [&](const std::string& after, int limit) {
                                     return with_.devices.FindByPersonalLabel(
                                         fleet_id, label.key, label.value,
                                         after, limit);
                                   },
                                   [](const std::string& uid) { return uid; }));
    uids = std::move(page.rows);
    next_page_token = std::move(page.next_page_token);
  } else {
    return rpc::InvalidField("subject", "say whose data: device or label");
  }
  pb::ExportPersonalDataResponse response;
  BIRTHMARK_ASSIGN_OR_RETURN(auto labels, with_.devices.Labels(uids));
  for (const std::string& uid : uids) {
    BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow device,
                               with_.devices.Get(fleet_id, uid));
    pb::PersonalData& data = *response.add_personal_data();
    data.set_device(DeviceName(device));
    data.set_display_name(device.display_name);
    for (const storage::LabelRow& label : labels[uid]) {
      if (label.personal) {
        (*data.mutable_labels())[label.key] = ToProto(label);
      }
    }
  }
  response.set_next_page_token(next_page_token);
  // Of whom is personal too; of which devices tells what left the house.
  BIRTHMARK_RETURN_IF_ERROR(with_.devices.Note(audit::NewEntry(
      with_.clock, context.caller().actor, "personal_data.export",
      request.has_device() ? request.device() : request.parent(),
      {{"devices", absl::StrCat(uids.size())},
       {"label_key", request.has_label() ? request.label().key() : ""}})));
  return response;
}

absl::StatusOr<pb::ErasePersonalDataResponse>
PrivacyServiceImpl::ErasePersonalData(
    const rpc::CallContext& context,
    const pb::ErasePersonalDataRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.name(), "name", /*any_fleet=*/false));
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<int64_t> version,
                             rpc::ParseOptionalEtag(request.etag()));
  return rpc::RunOnce<pb::ErasePersonalDataResponse>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record)
          -> absl::StatusOr<pb::ErasePersonalDataResponse> {
        storage::DeviceEventRow event;
        event.event_id = crypto::NewUid(with_.clock);
        event.kind = "personal_data_erased";
        event.actor = context.caller().actor;
        event.reason = request.reason();
        event.create_time = NowSeconds(with_.clock);
        pb::ErasePersonalDataResponse response;
        *response.mutable_erase_time() = rpc::ToTimestamp(event.create_time);
        const auto mutation_for = [&](const storage::ErasedData& erased) {
          response.set_erased_labels(static_cast<int>(erased.labels.size()));
          response.set_erased_display_name(!erased.display_name.empty());
          std::map<std::string, std::string> details;
          for (const auto& [key, commitment] : erased.labels) {
            details[absl::StrCat("label.", key)] = commitment;
          }
          if (!erased.display_name.empty()) {
            details["display_name"] = erased.display_name;
          }
          storage::Mutation mutation;
          mutation.audit.push_back(
              audit::NewEntry(with_.clock, event.actor, "personal_data.erase",
                              request.name(), std::move(details)));
          mutation.request = record(response);
          return mutation;
        };
        BIRTHMARK_RETURN_IF_ERROR(with_.devices
                                      .Erase(id.fleet, id.uid,
                                             version.value_or(0), event,
                                             mutation_for)
                                      .status());
        return response;
      });
}

}  // namespace birthmark::inventory
