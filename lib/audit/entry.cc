#include "lib/audit/entry.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/crypto/hash.h"
#include "nlohmann/json.hpp"

namespace birthmark::audit {

std::string Canonical(const Entry& entry) {
  // nlohmann::json keeps an object's keys in byte order.
  nlohmann::json details = nlohmann::json::object();
  for (const auto& [key, value] : entry.details) {
    details[key] = value;
  }
  const nlohmann::json json = {
      {"action", entry.action},
      {"actor", entry.actor},
      {"details", std::move(details)},
      {"id", entry.id},
      {"resource", entry.resource},
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", entry.time,
                                absl::UTCTimeZone())},
  };
  // An entry must never be lost for a byte that is not UTF-8: such bytes become
  // U+FFFD.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string LeafHash(const std::string& canonical) {
  return crypto::Sha256(absl::StrCat(absl::string_view("\0", 1), canonical));
}

}  // namespace birthmark::audit
