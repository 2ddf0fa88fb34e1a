// RegistrationServiceImpl has the methods of RegistrationService: what devices
// say of themselves.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REGISTRATION_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REGISTRATION_SERVICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/registration_store.h"
#include "services/registration/ca_client.h"
#include "services/registration/dependencies.h"
#include "services/registration/enroller.h"
#include "services/registration/firmware_recorder.h"
#include "services/registration/profiles.h"

namespace birthmark::registration {

// RegistrationServiceImpl is thread-safe. What its constructor takes must
// outlive it. The caller is the device; the router has seen to it that its
// certificate is good.
class RegistrationServiceImpl {
 public:
  RegistrationServiceImpl(const Dependencies& dependencies,
                          const Profiles& profiles, CaClient& ca)
      : with_(dependencies),
        profiles_(profiles),
        enroller_(dependencies.registrations, ca),
        recorder_(dependencies.registrations) {}

  void Register(rpc::Router& router);

 private:
  // Operational is an LDevID with its issuers up to but without the root.
  struct Operational {
    std::string device;
    std::vector<std::string> chain;
    absl::Time renew_time;
  };

  absl::StatusOr<v1::RegisterDeviceResponse> RegisterDevice(
      const rpc::CallContext& context,
      const v1::RegisterDeviceRequest& request);
  absl::StatusOr<v1::RenewCertificateResponse> RenewCertificate(
      const rpc::CallContext& context,
      const v1::RenewCertificateRequest& request);
  absl::StatusOr<v1::ReportFirmwareResponse> ReportFirmware(
      const rpc::CallContext& context,
      const v1::ReportFirmwareRequest& request);

  // Touch notes that the calling device came with its LDevID.
  absl::StatusOr<storage::DeviceRow> Touch(const rpc::CallContext& context,
                                           absl::Time now);
  // Enroll gives a device an LDevID for the key of `csr_der`. `kind` is that of
  // the event, `action` that of the audit entry.
  absl::StatusOr<Operational> Enroll(const rpc::CallContext& context,
                                     const storage::KnownDevice& known,
                                     absl::string_view csr_der,
                                     storage::KeyProtection protection,
                                     absl::string_view kind,
                                     absl::string_view action, absl::Time now);

  const Dependencies with_;
  const Profiles& profiles_;
  Enroller enroller_;
  FirmwareRecorder recorder_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REGISTRATION_SERVICE_H_
