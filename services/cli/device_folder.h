// DeviceFolder is a device's identity folder, in which a new key and
// certificate take the place of the old ones in steps that a crash may
// interrupt anywhere: the next command completes them.
//
//   ldevid.{key,pem}           in use
//   ldevid.{key,pem}.next      on their way in
//   ldevid.{key,pem}.previous  the ones before, good until the new were used

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_FOLDER_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace birthmark::cli {

// Errors are FILE_UNUSABLE or DISK_FULL. One process at a time.
class DeviceFolder {
 public:
  static constexpr char kName[] = "ldevid";

  explicit DeviceFolder(const std::string& dir);

  const std::string& certificate() const { return certificate_; }
  // next_key is where a fresh key goes before it is certified.
  std::string next_key() const;

  // Install makes `pem` and the next key the ones in use.
  absl::Status Install(absl::string_view pem) const;

  // Complete finishes an Install that broke off.
  absl::Status Complete() const;

  // DropNextKey gives up a key that the service refuses for ever.
  void DropNextKey() const;

 private:
  const std::string key_;
  const std::string certificate_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_FOLDER_H_
