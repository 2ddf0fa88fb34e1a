#include "services/inventory/services.h"

#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/device/v1/device_transfer_service.pb.h"
#include "birthmark/device/v1/privacy_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "services/inventory/certificate_service.h"
#include "services/inventory/device_change_service.h"
#include "services/inventory/device_service.h"
#include "services/inventory/fleet_service.h"
#include "services/inventory/privacy_service.h"
#include "services/inventory/transfer_service.h"

namespace birthmark::inventory {

struct Services::Impl {
  explicit Impl(const Dependencies& dependencies)
      : fleets(dependencies),
        devices(dependencies),
        device_changes(dependencies),
        transfers(dependencies),
        privacy(dependencies),
        certificates(dependencies) {}

  FleetServiceImpl fleets;
  DeviceServiceImpl devices;
  DeviceChangeServiceImpl device_changes;
  TransferServiceImpl transfers;
  PrivacyServiceImpl privacy;
  CertificateServiceImpl certificates;
};

Services::Services(const Dependencies& dependencies)
    : impl_(std::make_unique<Impl>(dependencies)) {}

Services::~Services() = default;

void Services::Register(rpc::Router& router) {
  router.AddService(*fleet::v1::Fleet::descriptor()->file()->FindServiceByName(
      "FleetService"));
  router.AddService(
      *device::v1::Device::descriptor()->file()->FindServiceByName(
          "DeviceService"));
  router.AddService(
      *device::v1::DeviceTransfer::descriptor()->file()->FindServiceByName(
          "DeviceTransferService"));
  router.AddService(
      *device::v1::PersonalData::descriptor()->file()->FindServiceByName(
          "PrivacyService"));
  router.AddService(
      *certificate::v1::Certificate::descriptor()->file()->FindServiceByName(
          "CertificateService"));
  impl_->fleets.Register(router);
  impl_->devices.Register(router);
  impl_->device_changes.Register(router);
  impl_->transfers.Register(router);
  impl_->privacy.Register(router);
  impl_->certificates.Register(router);
}

}  // namespace birthmark::inventory
