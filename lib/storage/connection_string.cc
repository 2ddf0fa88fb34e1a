#include "lib/storage/connection_string.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace birthmark::storage {

std::string WithDefaults(absl::string_view dsn) {
  if (absl::StrContains(dsn, "://")) {
    return std::string(dsn);
  }
  return absl::StrCat(
      "connect_timeout=5 keepalives_idle=5 keepalives_interval=5 "
      "keepalives_count=2 tcp_user_timeout=15000 application_name=birthmark ",
      dsn);
}

}  // namespace birthmark::storage
