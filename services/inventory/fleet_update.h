// fleet_update reads what a request says about the fields of a fleet. Pure
// functions.

#ifndef BIRTHMARK_SERVICES_INVENTORY_FLEET_UPDATE_H_
#define BIRTHMARK_SERVICES_INVENTORY_FLEET_UPDATE_H_

#include "absl/status/status.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/storage/fleet_store.h"

namespace birthmark::inventory {

// ApplyFleet writes the fields of `fleet` that `mask` names into `row`: those
// that are populated if it names none, all of them for `*`. A profile that is
// empty becomes the default one. kInvalidArgument / INVALID_FIELD, metadata
// field: a value that is not allowed, or a mask with another path.
absl::Status ApplyFleet(const fleet::v1::Fleet& fleet,
                        const google::protobuf::FieldMask& mask,
                        storage::FleetRow& row);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_FLEET_UPDATE_H_
