// Context is what a command sees of the world around it, so that tests can give
// it another one.

#ifndef BIRTHMARK_SERVICES_CLI_CONTEXT_H_
#define BIRTHMARK_SERVICES_CLI_CONTEXT_H_

#include <functional>
#include <istream>
#include <memory>
#include <ostream>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/rpc/channel.h"

namespace birthmark::cli {

// Role is which service a command talks to.
enum class Role { kRegistration, kInventory };

// Context does not own what it refers to.
struct Context {
  std::istream& in;
  std::ostream& out;  // results: tables, or JSON
  std::ostream& err;  // progress, warnings, errors
  Clock& clock;
  bool in_is_terminal = false;
  bool err_is_terminal = false;
  // Print JSON instead of tables.
  bool json = false;
  // Instead of connections with the operator's identity: for tests.
  std::function<absl::StatusOr<std::unique_ptr<rpc::Channel>>(Role)> connect;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CONTEXT_H_
