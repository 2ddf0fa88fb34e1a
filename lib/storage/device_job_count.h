// What a job over many devices would be about. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_JOB_COUNT_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_JOB_COUNT_H_

#include "lib/storage/device_act.h"
#include "lib/storage/device_job_store.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// CountForJob counts the devices of `filter`, and the certificates that
// `action` would change. It changes settings of the transaction that it runs
// in: it may read tables from end to end.
DeviceJobStore::Preview CountForJob(Session& session,
                                    const DeviceFilter& filter,
                                    DeviceActKind action);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_JOB_COUNT_H_
