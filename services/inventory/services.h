// Services are those of the role `inventory`: FleetService, DeviceService and
// CertificateService (proto/birthmark/*/v1).

#ifndef BIRTHMARK_SERVICES_INVENTORY_SERVICES_H_
#define BIRTHMARK_SERVICES_INVENTORY_SERVICES_H_

#include <memory>

#include "lib/base/clock.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/request_store.h"

namespace birthmark::inventory {

// Dependencies are what the host lends. All must outlive the services.
struct Dependencies {
  storage::FleetStore& fleets;
  storage::DeviceStore& devices;
  storage::CertificateStore& certificates;
  storage::RequestStore& requests;
  const rpc::PageTokenCodec& page_tokens;
  Clock& clock;
};

// Services serve from Register until they are destroyed, which the host does
// after its server has shut down. Thread-safe.
class Services {
 public:
  explicit Services(const Dependencies& dependencies);
  ~Services();

  // Register makes the methods known to `router`. The services must live as
  // long as calls may come.
  void Register(rpc::Router& router);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_SERVICES_H_
