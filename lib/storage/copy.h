#ifndef BIRTHMARK_LIB_STORAGE_COPY_H_
#define BIRTHMARK_LIB_STORAGE_COPY_H_

#include <string>

struct pg_conn;  // libpq's PGconn

namespace birthmark::storage {

// CopyIn executes `sql`, a COPY … FROM STDIN, with `data`, on a connection in a
// transaction. libpqxx copies texts alone, so this goes to libpq. False if a
// row is taken, and the transaction can then only be rolled back. Throws what
// libpqxx would throw. Only for lib/storage.
bool CopyIn(pg_conn* connection, const std::string& sql,
            const std::string& data);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_COPY_H_
