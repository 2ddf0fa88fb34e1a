#include "services/inventory/device_change_service.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/serve.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_mask.h"
#include "services/inventory/device_name.h"
#include "services/inventory/device_view.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

constexpr size_t kMaxReason = 500;
constexpr size_t kMaxPlaybook = 200;

absl::string_view ActionOf(storage::DeviceActKind kind) {
  switch (kind) {
    case storage::DeviceActKind::kQuarantine:
      return "device.quarantine";
    case storage::DeviceActKind::kRelease:
      return "device.release";
    case storage::DeviceActKind::kDecommission:
      return "device.decommission";
  }
  return "";
}

// The device as an act has left it, of what is known beforehand and what the
// act says: the answer that is kept goes into the act's transaction.
pb::Device AnswerOf(const storage::DeviceActResult& result,
                    const storage::DeviceAct& act, DeviceParts parts) {
  if (result.device.state == storage::DeviceState::kQuarantined) {
    parts.quarantine =
        storage::QuarantineRow{.device_uid = result.device.device_uid,
                               .reason = act.reason,
                               .playbook = act.playbook,
                               .actor = act.actor,
                               .create_time = act.time,
                               .held = result.held};
  }
  return ToProto(result.device, parts);
}

}  // namespace

void DeviceChangeServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.device.v1.DeviceService.", name),
                    this, method);
  };
  serve("UpdateDevice", &DeviceChangeServiceImpl::UpdateDevice);
  serve("QuarantineDevice", &DeviceChangeServiceImpl::QuarantineDevice);
  serve("ReleaseDevice", &DeviceChangeServiceImpl::ReleaseDevice);
  serve("DecommissionDevice", &DeviceChangeServiceImpl::DecommissionDevice);
  serve("BlockDeviceKey", &DeviceChangeServiceImpl::BlockDeviceKey);
}

absl::StatusOr<pb::Device> DeviceChangeServiceImpl::UpdateDevice(
    const rpc::CallContext& context, const pb::UpdateDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceId id,
                             ParseDevice(request.device().name(), "device.name",
                                         /*any_fleet=*/false));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::optional<int64_t> version,
      rpc::ParseOptionalEtag(request.device().etag(), "device.etag"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::DeviceUpdate update,
      ReadDeviceUpdate(request.device(), request.update_mask()));
  return rpc::RunOnce<pb::Device>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Device> {
        storage::DeviceEventRow event;
        event.event_id = crypto::NewUid(with_.clock);
        event.kind = "updated";
        event.actor = context.caller().actor;
        event.create_time = NowSeconds(with_.clock);
        DeviceParts parts;
        BIRTHMARK_ASSIGN_OR_RETURN(auto firmware,
                                   with_.devices.Firmware({id.uid}));
        parts.firmware = std::move(firmware[id.uid]);
        const auto mutation_for = [&](const storage::DeviceUpdated& updated) {
          parts.labels = updated.labels;
          std::map<std::string, std::string> details = updated.event.details;
          details["event"] = event.event_id;
          storage::Mutation mutation;
          mutation.audit.push_back(
              audit::NewEntry(with_.clock, event.actor, "device.update",
                              request.device().name(), std::move(details)));
          mutation.request =
              record(WithoutPersonal(ToProto(updated.device, parts)));
          return mutation;
        };
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::DeviceUpdated updated,
            with_.devices.Update(id.fleet, id.uid, version.value_or(0), update,
                                 event, mutation_for));
        return ViewDevice(with_.devices, updated.device);
      });
}

template <typename Request>
absl::StatusOr<pb::Device> DeviceChangeServiceImpl::Act(
    const rpc::CallContext& context, const Request& request,
    storage::DeviceActKind kind, int64_t version, const std::string& playbook) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.name(), "name", /*any_fleet=*/false));
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  return rpc::RunOnce<pb::Device>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Device> {
        storage::DeviceAct act;
        act.kind = kind;
        act.reason = request.reason();
        act.playbook = playbook;
        act.actor = context.caller().actor;
        act.time = NowSeconds(with_.clock);
        DeviceParts parts;
        BIRTHMARK_ASSIGN_OR_RETURN(auto firmware,
                                   with_.devices.Firmware({id.uid}));
        BIRTHMARK_ASSIGN_OR_RETURN(auto labels, with_.devices.Labels({id.uid}));
        parts.firmware = std::move(firmware[id.uid]);
        parts.labels = std::move(labels[id.uid]);
        const auto mutation_for = [&](const storage::DeviceActResult& result) {
          std::map<std::string, std::string> details = result.event.details;
          details["event"] = result.event.event_id;
          storage::Mutation mutation;
          mutation.audit.push_back(
              audit::NewEntry(with_.clock, act.actor, ActionOf(kind),
                              request.name(), std::move(details)));
          mutation.request =
              record(WithoutPersonal(AnswerOf(result, act, parts)));
          return mutation;
        };
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::DeviceRow device,
            with_.devices.Act(
                id.fleet, id.uid, version, act,
                [this] { return crypto::NewUid(with_.clock); }, mutation_for));
        return ViewDevice(with_.devices, device);
      });
}

absl::StatusOr<pb::Device> DeviceChangeServiceImpl::QuarantineDevice(
    const rpc::CallContext& context,
    const pb::QuarantineDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<int64_t> version,
                             rpc::ParseOptionalEtag(request.etag()));
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.playbook(), "playbook", 0, kMaxPlaybook));
  return Act(context, request, storage::DeviceActKind::kQuarantine,
             version.value_or(0), request.playbook());
}

absl::StatusOr<pb::Device> DeviceChangeServiceImpl::ReleaseDevice(
    const rpc::CallContext& context, const pb::ReleaseDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<int64_t> version,
                             rpc::ParseOptionalEtag(request.etag()));
  return Act(context, request, storage::DeviceActKind::kRelease,
             version.value_or(0), "");
}

absl::StatusOr<pb::Device> DeviceChangeServiceImpl::DecommissionDevice(
    const rpc::CallContext& context,
    const pb::DecommissionDeviceRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t version,
                             rpc::ParseEtag(request.etag()));
  return Act(context, request, storage::DeviceActKind::kDecommission, version,
             "");
}

absl::StatusOr<pb::DeviceKey> DeviceChangeServiceImpl::BlockDeviceKey(
    const rpc::CallContext& context, const pb::BlockDeviceKeyRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceKeyId id,
                             ParseDeviceKey(request.name(), "name"));
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  return rpc::RunOnce<pb::DeviceKey>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::DeviceKey> {
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::DeviceRow device,
            with_.devices.Get(id.device.fleet, id.device.uid));
        storage::DeviceEventRow event;
        event.event_id = crypto::NewUid(with_.clock);
        event.kind = "key_blocked";
        event.actor = context.caller().actor;
        event.reason = request.reason();
        event.create_time = NowSeconds(with_.clock);
        const auto mutation_for = [&](const storage::KeyRow& key) {
          storage::Mutation mutation;
          mutation.audit.push_back(
              audit::NewEntry(with_.clock, event.actor, "key.block",
                              request.name(), {{"event", event.event_id}}));
          mutation.request = record(ToProto(key, device));
          return mutation;
        };
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::KeyRow key,
            with_.devices.BlockKey(id.device.fleet, id.device.uid,
                                   id.spki_sha256, event, mutation_for));
        return ToProto(key, device);
      });
}

}  // namespace birthmark::inventory
