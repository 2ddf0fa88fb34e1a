#ifndef BIRTHMARK_LIB_STORAGE_MUTATION_H_
#define BIRTHMARK_LIB_STORAGE_MUTATION_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/audit/entry.h"

namespace birthmark::storage {

// RequestRecord is the answer of a unary mutation under the caller's request
// id, so that a repeat gets the first answer. Stored in the transaction of the
// effect; if the id is taken by then, the whole transaction fails with kAborted
// / TRANSACTION_CONFLICT and the caller looks the answer up.
struct RequestRecord {
  std::string caller;        // actor
  std::string method;        // full method name
  std::string request_id;    // UUID4
  std::string request_hash;  // SHA-256 of the request
  std::string response;      // serialised
};

// Mutation is what every change carries with it: its audit entries and, if the
// caller gave a request id, its answer. At least one entry.
struct Mutation {
  std::vector<audit::Entry> audit;
  std::optional<RequestRecord> request;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_MUTATION_H_
