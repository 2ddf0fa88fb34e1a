// What the statements about jobs over many devices share. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_JOB_SQL_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_JOB_SQL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/device_job_store.h"
#include "lib/storage/session.h"
#include "pqxx/row"

namespace birthmark::storage {

// The columns that DeviceJobPlace is read from, of a table that is called j.
#define BIRTHMARK_DEVICE_JOB_COLUMNS                              \
  "j.fleet_id, j.job_id, j.state, j.action, j.filter, j.reason, " \
  "j.playbook, j.rate, j.needs_approval, j.items, j.done, "       \
  "j.unchanged, j.failed, j.certificates, j.next_step_time, "     \
  "j.last_error, j.create_actor, j.approve_actor, j.version, "    \
  "j.create_time, j.update_time, j.end_time, j.position, j.next_item "

// DeviceJobPlace is a job and where it is.
struct DeviceJobPlace {
  DeviceJobRow job;
  std::string position;  // how far it has collected: a cursor of its search
  int64_t next_item = 1;
};
DeviceJobPlace ReadDeviceJob(const pqxx::row& row);

// AddDeviceJobItems puts devices on a job whose row the session has locked,
// after those that are on it. Devices that are on it already, or are named
// twice, are on it once. Returns how many were added.
int64_t AddDeviceJobItems(Session& session, const DeviceJobRow& job,
                          absl::Span<const std::string> device_uids);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_JOB_SQL_H_
