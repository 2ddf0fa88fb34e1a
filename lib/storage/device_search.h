// DeviceSearch finds one page of devices. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_H_

#include <string>
#include <vector>

#include "lib/storage/device_search_cursor.h"
#include "lib/storage/device_search_sql.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/session.h"
#include "pqxx/result"

namespace birthmark::storage {

// DeviceSearch is used once. `session` and `filter` must outlive it. Methods
// may throw what libpqxx throws.
class DeviceSearch {
 public:
  // `budget` rows are walked along, sets of less than `few` read whole.
  DeviceSearch(Session& session, const DeviceFilter& filter, DeviceOrder order,
               DeviceSearchCursor cursor, int limit, int budget, int few);

  DevicePage Run();

 private:
  // Candidates are the drivers that the filter offers.
  std::vector<SearchPlan> Candidates() const;
  SearchPlan Choose();
  SearchPlan Probe(const std::vector<SearchPlan>& candidates);
  SearchDriver WalkOfOrder() const;
  bool IsPossible(const SearchPlan& plan) const;

  void SetFilter();
  void SetKey();
  void SetDriver();
  // Both return true if the page is done.
  bool Walk();
  bool ReadSet();
  void Take(const pqxx::row& row);
  void EndAt(const pqxx::row& row);

  bool of_age() const;

  Session& session_;
  const DeviceFilter& filter_;
  const DeviceOrder order_;
  DeviceSearchCursor cursor_;
  const size_t limit_;
  const int budget_;
  const int few_;
  SearchValues values_;
  DevicePage page_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_H_
