#include "services/inventory/upkeep.h"

#include <vector>

#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/telemetry/log.h"
#include "services/inventory/convert.h"
#include "services/inventory/decommission_certificate.h"

namespace birthmark::inventory {
namespace {

// Who did what nobody asked for at that moment.
constexpr char kActor[] = "birthmark:inventory";

double Seconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

}  // namespace

Upkeep::Upkeep(const Dependencies& dependencies)
    : with_(dependencies),
      fold_([this] {
        return Run("fold", kFoldInterval, [this] { return Fold(); });
      }),
      end_([this] {
        return Run("end", kEndInterval, [this] { return End(); });
      }),
      certify_([this] {
        return Run("certify", kEndInterval, [this] { return Certify(); });
      }),
      prune_([this] {
        return Run("prune", kPruneInterval, [this] { return Prune(); });
      }) {}

absl::Duration Upkeep::Run(absl::string_view name, absl::Duration interval,
                           const Task& task) {
  const absl::StatusOr<bool> more = task();
  if (!more.ok()) {
    with_.metrics.upkeep_errors.With({std::string(name)}).Increment();
    telemetry::Log(telemetry::Level::kWarning, "upkeep_failed",
                   {{"task", name}, {"error", more.status().ToString()}});
    return kErrorInterval;
  }
  with_.metrics.upkeep_success_time.With({std::string(name)})
      .Set(Seconds(with_.clock.Now()));
  return *more ? absl::ZeroDuration() : interval;
}

absl::StatusOr<bool> Upkeep::Fold() {
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t folded, with_.search.FoldCounts());
  with_.metrics.counts_folded.Increment(static_cast<double>(folded));
  return false;
}

absl::StatusOr<bool> Upkeep::End() {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const int ended,
      with_.decommissions.End(
          NowSeconds(with_.clock), kEndSize,
          [this] { return crypto::NewUid(with_.clock); },
          [this](const storage::DecommissionRow& row,
                 const storage::DeviceEventRow& event) {
            return audit::NewEntry(
                with_.clock, event.actor, "device.end_decommission",
                FormatName(kDevicePattern, {row.fleet_id, row.device_uid}),
                {{"event", event.event_id}});
          }));
  with_.metrics.decommissions_ended.Increment(ended);
  return ended == kEndSize;
}

absl::StatusOr<bool> Upkeep::Certify() {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<storage::DecommissionedDevice> devices,
      with_.decommissions.ListUncertified(kCertifySize));
  const absl::Time now = NowSeconds(with_.clock);
  with_.metrics.uncertified.Set(static_cast<double>(devices.size()));
  with_.metrics.certificate_wait_seconds.Set(
      devices.empty()
          ? 0
          : absl::ToDoubleSeconds(
                now - devices[0].decommission.end_time.value_or(now)));
  if (devices.empty()) {
    return false;
  }
  std::vector<std::string> payloads;
  payloads.reserve(devices.size());
  for (const storage::DecommissionedDevice& device : devices) {
    payloads.push_back(DecommissionPayload(device, now));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> signatures,
                             with_.ca.SignRecords(kDecommissionCertificateType,
                                                  payloads, kSignTimeout));
  std::vector<storage::DecommissionStore::Certificate> certificates;
  certificates.reserve(devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    const storage::DecommissionRow& row = devices[i].decommission;
    certificates.push_back(
        {.device_uid = row.device_uid,
         .jws = signatures[i],
         .entry = audit::NewEntry(
             with_.clock, kActor, "device.certify_decommission",
             FormatName(kDevicePattern, {row.fleet_id, row.device_uid}),
             {{"sha256", HexEncode(crypto::Sha256(signatures[i]))}})});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const int certified,
                             with_.decommissions.Certify(certificates, now));
  with_.metrics.decommissions_certified.Increment(certified);
  return static_cast<int>(devices.size()) == kCertifySize;
}

absl::StatusOr<bool> Upkeep::Prune() {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const int pruned,
      with_.requests.Prune(with_.clock.Now() - kRequestAge, kPruneSize));
  with_.metrics.requests_pruned.Increment(pruned);
  return pruned == kPruneSize;
}

}  // namespace birthmark::inventory
