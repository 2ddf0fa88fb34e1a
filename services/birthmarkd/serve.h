#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_SERVE_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_SERVE_H_

#include <string>

#include "absl/status/status.h"
#include "lib/base/clock.h"

namespace birthmark::birthmarkd {

// Serve hosts the roles of the configuration until SIGTERM or SIGINT, then lets
// what is in flight finish. Errors name the file or the field.
absl::Status Serve(const std::string& config_path, Clock& clock);

// CheckConfig says whether the configuration, its profiles, and the identity
// of the process are good. It opens no database, key or port.
absl::Status CheckConfig(const std::string& config_path);

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_SERVE_H_
