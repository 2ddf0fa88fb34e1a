// The work of ActOnDevices, in pieces. Only for its own files.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_ACTS_WORK_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_ACTS_WORK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_act.h"
#include "lib/storage/device_acts.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// Acts is one call of ActOnDevices. Not thread-safe; throws as Session does.
class Acts {
 public:
  Acts(Session& session, const DeviceAct& act,
       const std::function<std::string()>& new_id)
      : session_(session), act_(act), new_id_(new_id) {}

  void Run(absl::string_view fleet_id,
           absl::Span<const std::string> device_uids);
  DeviceActResult ResultOf(const std::string& device_uid) const;
  void Record(const DeviceEntryMaker& entries_for);

 private:
  void Decide(DeviceActResult& result) const;
  // device_acts_quarantine.cc
  void FindWhoWereQuarantined();
  void Quarantine();
  void Release();
  void EndQuarantines(UuidArray& uids, absl::string_view reason);
  // device_acts_decommission.cc
  void Decommission();
  void SetUpWipes();
  // device_acts.cc
  std::vector<RevocationRow> Certificates(bool held_too);
  DeviceActResult& Note(const std::string& serial);
  void Move();
  UuidArray Uids() const;

  Session& session_;
  const DeviceAct& act_;
  const std::function<std::string()>& new_id_;
  std::map<std::string, DeviceActResult> results_;
  std::vector<DeviceActResult*> todo_;  // in order of their uids
  std::map<std::string, DeviceActResult*> by_serial_;
  std::map<std::string, int64_t> keys_;
  std::map<std::string, std::pair<std::string, absl::Time>> wipes_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_ACTS_WORK_H_
