#include "lib/audit/new_entry.h"

#include <utility>

#include "absl/time/time.h"
#include "lib/crypto/ids.h"

namespace birthmark::audit {

Entry NewEntry(Clock& clock, absl::string_view actor, absl::string_view action,
               absl::string_view resource,
               std::map<std::string, std::string> details) {
  Entry entry;
  entry.id = crypto::NewUid(clock);
  // Milliseconds: what the canonical form keeps.
  entry.time = absl::FromUnixMillis(absl::ToUnixMillis(clock.Now()));
  entry.actor = std::string(actor);
  entry.action = std::string(action);
  entry.resource = std::string(resource);
  entry.details = std::move(details);
  return entry;
}

}  // namespace birthmark::audit
