#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_MIGRATE_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_MIGRATE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "lib/base/clock.h"

namespace birthmark::birthmarkd {

// Migrate brings the database of a MigrateConfig to the schema of this release
// and records its certificates; says on `out` what it did. Idempotent. Errors
// name the file or the field.
absl::Status Migrate(const std::string& config_path, Clock& clock,
                     std::ostream& out);

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_MIGRATE_H_
