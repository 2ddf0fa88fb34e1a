// The steps of a job over many devices. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_JOB_STEP_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_JOB_STEP_H_

#include "absl/time/time.h"
#include "lib/storage/device_job_sql.h"
#include "lib/storage/device_job_store.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// Each of these is done in a transaction that has locked the job's row, and
// returns the job as it is then. They may throw what libpqxx throws.

// CollectStep puts the devices of `page`, which follows the job's position, on
// the job. After the last page the job runs or waits for approval.
DeviceJobRow CollectStep(Session& session, const DeviceJobPlace& place,
                         const DevicePage& page, absl::Time now,
                         const DeviceJobStore::Makers& makers);

// ActStep does the job's act to its next devices, at most `limit` and at most a
// second's worth of its rate.
DeviceJobRow ActStep(Session& session, const DeviceJobPlace& place,
                     absl::Time now, int limit,
                     const DeviceJobStore::Makers& makers);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_JOB_STEP_H_
