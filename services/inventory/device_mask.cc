#include "services/inventory/device_mask.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"
#include "lib/rpc/fields.h"
#include "services/inventory/label.h"

namespace birthmark::inventory {
namespace {

constexpr size_t kMaxDisplayName = 200;
constexpr size_t kSaltSize = 32;
constexpr absl::string_view kDisplayName = "display_name";
constexpr absl::string_view kLabels = "labels";
constexpr absl::string_view kOneLabel = "labels.";

struct Paths {
  bool display_name = false;
  bool labels = false;
  std::set<std::string> keys;
};

absl::StatusOr<Paths> ReadMask(const device::v1::Device& device,
                               const google::protobuf::FieldMask& mask) {
  if (mask.paths().empty()) {
    return Paths{.display_name = !device.display_name().empty(),
                 .labels = !device.labels().empty()};
  }
  Paths paths;
  for (const std::string& path : mask.paths()) {
    if (path == "*" && mask.paths_size() == 1) {
      paths.display_name = paths.labels = true;
    } else if (path == kDisplayName) {
      paths.display_name = true;
    } else if (path == kLabels) {
      paths.labels = true;
    } else if (absl::StartsWith(path, kOneLabel) &&
               IsLabelKey(path.substr(kOneLabel.size()))) {
      paths.keys.insert(path.substr(kOneLabel.size()));
    } else {
      return rpc::InvalidField(
          "update_mask",
          absl::StrCat("there is no ", path,
                       " to change; display_name, labels and labels.{key} "
                       "can be changed, or * for all"));
    }
  }
  return paths;
}

absl::Status AddLabel(const std::string& key, const device::v1::Label& label,
                      storage::DeviceUpdate& update) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      storage::LabelRow row,
      ReadLabel(key, label, absl::StrCat("device.labels.", key)));
  update.set_labels.push_back(std::move(row));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<storage::DeviceUpdate> ReadDeviceUpdate(
    const device::v1::Device& device, const google::protobuf::FieldMask& mask) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Paths paths, ReadMask(device, mask));
  storage::DeviceUpdate update;
  if (paths.display_name) {
    BIRTHMARK_RETURN_IF_ERROR(rpc::CheckText(
        device.display_name(), "device.display_name", 0, kMaxDisplayName));
    update.display_name = device.display_name();
    update.display_name_salt = crypto::RandomBytes(kSaltSize);
  }
  if (paths.labels) {
    update.replace_labels = true;
    for (const auto& [key, label] : device.labels()) {
      BIRTHMARK_RETURN_IF_ERROR(AddLabel(key, label, update));
    }
    return update;
  }
  for (const std::string& key : paths.keys) {
    const auto found = device.labels().find(key);
    if (found == device.labels().end()) {
      update.remove_labels.push_back(key);
    } else {
      BIRTHMARK_RETURN_IF_ERROR(AddLabel(key, found->second, update));
    }
  }
  return update;
}

}  // namespace birthmark::inventory
