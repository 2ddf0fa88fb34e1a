// WipeService has the methods of RegistrationService that are for devices that
// are being decommissioned.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_WIPE_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_WIPE_SERVICE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/registration/dependencies.h"

namespace birthmark::registration {

// WipeService is thread-safe. The caller is the device, whose certificate may
// be revoked: the router has seen to it that its decommission has done that.
class WipeService {
 public:
  static constexpr size_t kMaxReceiptSize = 4096;

  explicit WipeService(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<v1::WipeInstruction> GetWipeInstruction(
      const rpc::CallContext& context,
      const v1::GetWipeInstructionRequest& request);
  absl::StatusOr<v1::ConfirmWipeResponse> ConfirmWipe(
      const rpc::CallContext& context, const v1::ConfirmWipeRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_WIPE_SERVICE_H_
