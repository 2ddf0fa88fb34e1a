#include "services/inventory/decommission_certificate.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "nlohmann/json.hpp"

namespace birthmark::inventory {
namespace {

using storage::DecommissionRow;
using storage::WipeOutcome;

std::string At(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::string_view NameOf(WipeOutcome outcome) {
  switch (outcome) {
    case WipeOutcome::kConfirmed:
      return "confirmed";
    case WipeOutcome::kNotAsked:
      return "not_asked";
    case WipeOutcome::kWaiting:  // not of one that has ended
    case WipeOutcome::kTimedOut:
      break;
  }
  return "timed_out";
}

nlohmann::json Wipe(const DecommissionRow& row) {
  nlohmann::json wipe;
  wipe["outcome"] = std::string(NameOf(row.wipe_outcome));
  if (row.wipe_outcome == WipeOutcome::kConfirmed) {
    wipe["time"] = At(row.wipe_time.value_or(row.create_time));
    wipe["receipt_sha256"] = HexEncode(crypto::Sha256(row.wipe_receipt));
    wipe["key"] = HexEncode(row.wipe_key);
  }
  return wipe;
}

}  // namespace

std::string DecommissionPayload(const storage::DecommissionedDevice& device,
                                absl::Time now) {
  const DecommissionRow& row = device.decommission;
  nlohmann::json keys = nlohmann::json::array();
  for (const std::string& key : device.keys) {
    keys.push_back(HexEncode(key));
  }
  nlohmann::json payload = {
      {"type", "birthmark/decommission-certificate"},
      {"version", 1},
      {"device", row.device_uid},
      {"fleet", row.fleet_id},
      {"model", device.device.model},
      {"serial_number", device.device.serial_number},
      {"reason", row.reason},
      {"ordered_by", row.actor},
      {"ordered_time", At(row.create_time)},
      {"revoked_certificates", row.revoked},
      {"retired_keys", std::move(keys)},
      {"wipe", Wipe(row)},
      {"decommissioned_time", At(row.end_time.value_or(now))},
      {"issued_time", At(now)}};
  if (!device.birth_serial.empty()) {
    payload["birth_certificate"] = {{"issuer", device.birth_issuer_id},
                                    {"serial", HexEncode(device.birth_serial)}};
  }
  return payload.dump();
}

}  // namespace birthmark::inventory
