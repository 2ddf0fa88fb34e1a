#include "lib/storage/firmware_line.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/crypto/random.h"

namespace birthmark::storage {
namespace {

FindingRow NewFinding(const FirmwareLine& line, FindingKind kind) {
  const absl::Time time = line.attempt->contact.time;
  return {.finding_id = FormatUid(time, crypto::RandomBytes(kUidRandomBytes)),
          .device_uid = line.device->device_uid,
          .kind = kind,
          .subject = line.row->component,
          .details = {{"firmware_version", line.row->firmware_version}},
          .create_time = time,
          .last_time = time};
}

}  // namespace

void FindOdd(const FirmwareLine& line, const FirstDigest& first,
             std::vector<FindingRow>& findings) {
  const FirmwareRow& row = *line.row;
  const FirmwareBefore& before = line.before;
  if (before.known && row.security_version < before.highest) {
    FindingRow finding = NewFinding(line, FindingKind::kFirmwareRollback);
    finding.details["security_version"] = absl::StrCat(row.security_version);
    finding.details["highest"] = absl::StrCat(before.highest);
    findings.push_back(finding);
  }
  const bool is_own = before.known &&
                      before.firmware_version == row.firmware_version &&
                      before.digest != row.digest;
  const bool is_others = first.digest != row.digest;
  if (is_own || is_others) {
    FindingRow finding = NewFinding(line, FindingKind::kFirmwareDigest);
    finding.details["digest"] = HexEncode(row.digest);
    finding.details["known_digest"] =
        HexEncode(is_others ? first.digest : before.digest);
    finding.details["known_from"] =
        is_others ? first.device_uid : line.device->device_uid;
    findings.push_back(finding);
  }
}

}  // namespace birthmark::storage
