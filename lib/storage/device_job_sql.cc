#include "lib/storage/device_job_sql.h"

#include "lib/storage/param.h"

namespace birthmark::storage {
namespace {

// Numbered without gaps: nobody else adds to the job meanwhile. The conditions
// leave one index for the look-up, by the device.
constexpr Statement kAddItems = {"device_job_add_items", R"(
    INSERT INTO device_job_items (fleet_id, job_id, item, device_uid, outcome)
    SELECT $1, $2, $3::bigint + row_number() OVER (ORDER BY f.place),
           f.device_uid, 1
    FROM (SELECT u.device_uid, min(u.place) AS place
          FROM unnest($4::uuid[]) WITH ORDINALITY AS u (device_uid, place)
          WHERE NOT EXISTS (
              SELECT FROM device_job_items i
              WHERE i.device_uid = u.device_uid
                AND i.fleet_id || '' = $1 AND i.job_id || '' = $2)
          GROUP BY u.device_uid) AS f)"};

}  // namespace

DeviceJobPlace ReadDeviceJob(const pqxx::row& row) {
  return {.job = {.fleet_id = ReadText(row[0]),
                  .job_id = ReadText(row[1]),
                  .state = static_cast<DeviceJobState>(ReadInt(row[2])),
                  .action = static_cast<DeviceActKind>(ReadInt(row[3])),
                  .filter = ReadText(row[4]),
                  .reason = ReadText(row[5]),
                  .playbook = ReadText(row[6]),
                  .rate = static_cast<int>(ReadInt(row[7])),
                  .needs_approval = ReadBool(row[8]),
                  .items = ReadInt(row[9]),
                  .done = ReadInt(row[10]),
                  .unchanged = ReadInt(row[11]),
                  .failed = ReadInt(row[12]),
                  .certificates = ReadInt(row[13]),
                  .next_step_time = ReadTime(row[14]),
                  .last_error = ReadText(row[15]),
                  .create_actor = ReadText(row[16]),
                  .approve_actor = ReadText(row[17]),
                  .version = ReadInt(row[18]),
                  .create_time = ReadTime(row[19]),
                  .update_time = ReadTime(row[20]),
                  .end_time = ReadOptionalTime(row[21])},
          .position = ReadBytes(row[22]),
          .next_item = ReadInt(row[23])};
}

int64_t AddDeviceJobItems(Session& session, const DeviceJobRow& job,
                          absl::Span<const std::string> device_uids) {
  if (device_uids.empty()) {
    return 0;
  }
  return session
      .Exec(kAddItems, Text(job.fleet_id), Text(job.job_id), Int(job.items),
            UuidArray(device_uids).Take())
      .affected_rows();
}

}  // namespace birthmark::storage
