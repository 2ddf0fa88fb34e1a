// Dependencies are what the host lends to the services of this role.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEPENDENCIES_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEPENDENCIES_H_

#include "lib/base/clock.h"
#include "lib/rpc/page.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/decommission_store.h"
#include "lib/storage/device_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/request_store.h"
#include "lib/storage/transfer_store.h"

namespace birthmark::inventory {

// All must outlive the services.
struct Dependencies {
  storage::FleetStore& fleets;
  storage::DeviceStore& devices;
  storage::DecommissionStore& decommissions;
  storage::TransferStore& transfers;
  storage::CertificateStore& certificates;
  storage::RequestStore& requests;
  const rpc::PageTokenCodec& page_tokens;
  Clock& clock;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEPENDENCIES_H_
