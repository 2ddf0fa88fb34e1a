#ifndef BIRTHMARK_LIB_AUDIT_NEW_ENTRY_H_
#define BIRTHMARK_LIB_AUDIT_NEW_ENTRY_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/audit/entry.h"
#include "lib/base/clock.h"

namespace birthmark::audit {

// NewEntry returns an entry of this moment with a fresh id. Thread-safe.
Entry NewEntry(Clock& clock, absl::string_view actor, absl::string_view action,
               absl::string_view resource,
               std::map<std::string, std::string> details = {});

}  // namespace birthmark::audit

#endif  // BIRTHMARK_LIB_AUDIT_NEW_ENTRY_H_
