#ifndef BIRTHMARK_LIB_STORAGE_CONNECTION_STRING_H_
#define BIRTHMARK_LIB_STORAGE_CONNECTION_STRING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace birthmark::storage {

// WithDefaults adds to libpq's connection string that a server which is gone
// without a word must not hold a thread for minutes. What the operator wrote
// comes later and wins; a URI stays as it is. Only for lib/storage.
std::string WithDefaults(absl::string_view dsn);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CONNECTION_STRING_H_
