#ifndef BIRTHMARK_LIB_STORAGE_COPY_H_
#define BIRTHMARK_LIB_STORAGE_COPY_H_

#include <string>

#include "absl/strings/string_view.h"

struct pg_conn;  // libpq's PGconn

namespace birthmark::storage {

// CopyIn executes `sql`, a COPY … FROM STDIN, with `data` and then `end`, on a
// connection in a transaction. libpqxx copies texts alone, so this goes to
// libpq. False if a row is taken, and the transaction can then only be rolled
// back. Throws what libpqxx would throw. Only for lib/storage.
bool CopyIn(pg_conn* connection, const std::string& sql, absl::string_view data,
            absl::string_view end);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_COPY_H_
