// What the statements of several stores say of CRLs. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_CRL_SQL_H_
#define BIRTHMARK_LIB_STORAGE_CRL_SQL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/storage/crl_store.h"
#include "pqxx/row"

namespace birthmark::storage {

// The columns that ReadCrl expects, from a table `crls` that is called c; all
// but the octets.
#define BIRTHMARK_CRL_COLUMNS                                       \
  "c.issuer_id, c.crl_shard, c.number, c.revision, c.this_update, " \
  "c.next_update, c.expired_before, c.entries, c.base_number, "     \
  "c.base_revision, c.base_time, c.delta_entries"

inline constexpr int kCrlColumns = 12;

CrlRow ReadCrl(const pqxx::row& row);

// CrlShardNotFound is kNotFound / CRL_SHARD_NOT_FOUND.
absl::Status CrlShardNotFound(absl::string_view issuer_id, int crl_shard);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CRL_SQL_H_
