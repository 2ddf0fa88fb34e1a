// validate has the checks that configurations share. Errors are
// kInvalidArgument and name the field by its path, e.g. `trust.roots_file`.
// Pure functions.

#ifndef BIRTHMARK_LIB_CONFIG_VALIDATE_H_
#define BIRTHMARK_LIB_CONFIG_VALIDATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/config/v1/client_config.pb.h"
#include "birthmark/config/v1/server_config.pb.h"

namespace birthmark::config {

// Require fails if `value` is empty.
absl::Status Require(absl::string_view field, absl::string_view value);

// RequireRange fails unless `low` <= `value` <= `high`.
absl::Status RequireRange(absl::string_view field, int64_t value, int64_t low,
                          int64_t high);

// RequireAddress fails unless `value` is `host:port`, port 0 included, or
// `unix:/path`.
absl::Status RequireAddress(absl::string_view field, absl::string_view value);

// Validate checks what can be checked without opening a file: required fields,
// ranges, addresses, at least one role.
absl::Status Validate(const v1::ServerConfig& config);
absl::Status Validate(const v1::MigrateConfig& config);
absl::Status Validate(const v1::ClientConfig& config);

// LoadServerConfig, LoadMigrateConfig and LoadClientConfig load, resolve paths
// (textproto.h) and validate. Errors name the file.
absl::StatusOr<v1::ServerConfig> LoadServerConfig(const std::string& path);
absl::StatusOr<v1::MigrateConfig> LoadMigrateConfig(const std::string& path);
absl::StatusOr<v1::ClientConfig> LoadClientConfig(const std::string& path);

// ReadSecretLine returns the one line of a secret file (a dsn_file), without
// its newline. Fails as ReadPrivateFile does; kInvalidArgument if the file is
// empty or has more than one line. No error repeats the content.
absl::StatusOr<std::string> ReadSecretLine(const std::string& path);

}  // namespace birthmark::config

#endif  // BIRTHMARK_LIB_CONFIG_VALIDATE_H_
