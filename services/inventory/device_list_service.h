// DeviceListServiceImpl has the methods of DeviceService that find and count.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_LIST_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_LIST_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/fleet_store.h"

namespace birthmark::inventory {

// DeviceListServiceImpl is thread-safe. What the constructor takes must outlive
// it.
//
// Round trips to the database: a page takes one to find the devices and one for
// what belongs to them; the first page of a filter with several conditions that
// have an index takes one before, to choose. An empty first page takes one to
// see whether there is such a fleet. A count takes one.
class DeviceListServiceImpl {
 public:
  DeviceListServiceImpl(storage::DeviceSearchStore& search,
                        storage::FleetStore& fleets,
                        const rpc::PageTokenCodec& page_tokens)
      : search_(search), fleets_(fleets), page_tokens_(page_tokens) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::ListDevicesResponse> ListDevices(
      const rpc::CallContext& context,
      const device::v1::ListDevicesRequest& request);
  absl::StatusOr<device::v1::CountDevicesResponse> CountDevices(
      const rpc::CallContext& context,
      const device::v1::CountDevicesRequest& request);
  // Of what is empty: kNotFound if there is no such fleet; "" is all.
  absl::Status CheckFleet(const std::string& fleet_id);

  storage::DeviceSearchStore& search_;
  storage::FleetStore& fleets_;
  const rpc::PageTokenCodec& page_tokens_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_LIST_SERVICE_H_
