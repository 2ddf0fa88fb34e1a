// AddOperator gives a deployment another operator, offline: with the issuer's
// key in the deployment's folder, as `birthmark init` did for the first.

#ifndef BIRTHMARK_SERVICES_CLI_OPERATOR_IDENTITY_H_
#define BIRTHMARK_SERVICES_CLI_OPERATOR_IDENTITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace birthmark::cli {

struct NewOperator {
  std::string deployment;   // the folder that `birthmark init` made
  std::string name;         // [a-z0-9-]{1,63}
  std::string out;          // the identity folder, to be made
  std::string client_file;  // where the services are
};

struct AddedOperator {
  std::string certificate_file;  // the copy in the deployment's folder
  std::string migrate_file;      // which lists it
  absl::Time not_after;
};

// AddOperator makes the identity folder `out` (operator.key, operator.pem,
// roots.pem, client.textproto), keeps the certificate as operators/NAME.pem in
// the deployment, and lists it in config/migrate.textproto: until `birthmarkd
// migrate` has recorded it, no service takes it. After a crash the same call
// completes it. ALREADY_EXISTS / OPERATOR_EXISTS if another good certificate of
// this name is listed: two operators of one name would count as one.
// FOLDER_NOT_EMPTY, INPUT_MALFORMED, FILE_UNUSABLE.
absl::StatusOr<AddedOperator> AddOperator(const NewOperator& request,
                                          Clock& clock);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_OPERATOR_IDENTITY_H_
