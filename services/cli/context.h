// Context is what a command sees of the world around it, so that tests can give
// it another one.

#ifndef BIRTHMARK_SERVICES_CLI_CONTEXT_H_
#define BIRTHMARK_SERVICES_CLI_CONTEXT_H_

#include <istream>
#include <ostream>

#include "lib/base/clock.h"

namespace birthmark::cli {

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
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CONTEXT_H_
