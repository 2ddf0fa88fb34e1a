#ifndef BIRTHMARK_LIB_AUDIT_ENTRY_H_
#define BIRTHMARK_LIB_AUDIT_ENTRY_H_

#include <map>
#include <string>

#include "absl/time/time.h"

namespace birthmark::audit {

// Entry is one line of the audit log: who did what to which thing. Every
// mutation writes one in the transaction of its effect. docs/audit_format.md
// has the bytes.
struct Entry {
  std::string id;        // UUIDv7, made by the writer
  absl::Time time;       // from the writer's Clock
  std::string actor;     // a SPIFFE ID or "idevid:<serial>"
  std::string action;    // "<thing>.<verb>", e.g. "certificate.issue"
  std::string resource;  // resource name, e.g. "fleets/acme/devices/<uid>"
  std::map<std::string, std::string> details;  // never a secret
};

// Canonical returns the bytes that are hashed and kept: one JSON object with
// keys in byte order, no white space, time in RFC 3339 with milliseconds in
// UTC.
std::string Canonical(const Entry& entry);

// LeafHash returns SHA-256(0x00 || canonical), the leaf hash of RFC
// 9162, 2.1.1.
std::string LeafHash(const std::string& canonical);

}  // namespace birthmark::audit

#endif  // BIRTHMARK_LIB_AUDIT_ENTRY_H_
