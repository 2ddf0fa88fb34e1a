// The statements of PgDeviceSearchStore. Their number is bounded: a filter's
// conditions are parameters that may be NULL, only what drives the search and
// the order make another statement. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_SQL_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_SQL_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"
#include "pqxx/result"

namespace birthmark::storage {

// SearchDriver is the index that a search goes through.
enum class SearchDriver : char {
  kNone = '?',  // not chosen yet
  kLook = '=',  // by key or certificate: one device
  // In the order of age.
  kAge = 'a',
  kModel = 'm',
  kLine = 'l',
  kBatch = 'b',
  kState = 's',
  kLabel = 'v',
  kFirmware = 'f',
  // Not in the order of age.
  kSerialNumber = 'n',
  kSerialPrefix = 'p',
  kLabelKey = 'k',
  kContact = 'c',
  // Orders of their own.
  kSerialOrder = 'S',
  kSerialPrefixOrder = 'P',
  kNeverOrder = 'N',    // those that never called, of the order of contact
  kContactOrder = 'C',  // the others
};

// SearchValues are parameters by the names that the statements have for them.
using SearchValues = std::map<absl::string_view, Param>;

// SearchStatement is a statement whose parameters have names. Made once, used
// for ever. Thread-safe.
class SearchStatement {
 public:
  // Each `{name}` in `sql` is a parameter. Ends the process if one is unknown.
  explicit SearchStatement(absl::string_view sql);

  // Exec executes it with those of `values` that it needs; what is not there is
  // NULL. Throws what libpqxx throws.
  pqxx::result Exec(Session& session, const SearchValues& values) const;

  const std::string& sql() const { return sql_; }

 private:
  std::string sql_;
  std::string name_;
  std::vector<std::string> parameters_;
};

// IsInOrderOfAge tells whether `driver` can be walked in the order of age.
bool IsInOrderOfAge(SearchDriver driver);

// Walk reads along an index in the order that is asked for, at most {budget}
// rows, and returns at most {limit} of them: BIRTHMARK_DEVICE_COLUMNS,
// contact_day, whether the device matches, whether the walk ended there since
// its budget was used up. With several lanes (fleets, hardware revisions) each
// has its share of the budget; what comes after the first end is not complete.
const SearchStatement& WalkStatement(SearchDriver driver, DeviceOrder order);

// Set reads all that `driver` leads to, if it is less than {few}, and sorts it:
// the columns of Walk, then how many there were. At least one row, of NULLs but
// for the last.
const SearchStatement& SetStatement(SearchDriver driver, DeviceOrder order);

// Probe says of each driver that {try} has what it would be like: its letter,
// which of the labels or components it is about, how many rows there are up to
// {few}, whether that is all, and if not, up to which time they go. `order`
// that is not of age: up to no time.
const SearchStatement& ProbeStatement(DeviceOrder order);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_SQL_H_
