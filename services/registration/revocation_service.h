// RevocationServiceImpl has the methods of RevocationService.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/registration/ca_client.h"
#include "services/registration/dependencies.h"

namespace birthmark::registration {

// RevocationServiceImpl is thread-safe. What its constructor takes must outlive
// it.
class RevocationServiceImpl {
 public:
  RevocationServiceImpl(const Dependencies& dependencies, CaClient& ca)
      : with_(dependencies), ca_(ca) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<revocation::v1::Revocation> RevokeCertificate(
      const rpc::CallContext& context,
      const revocation::v1::RevokeCertificateRequest& request);
  absl::StatusOr<revocation::v1::ListRevocationsResponse> ListRevocations(
      const rpc::CallContext& context,
      const revocation::v1::ListRevocationsRequest& request);
  absl::StatusOr<revocation::v1::Crl> GetCrl(
      const rpc::CallContext& context,
      const revocation::v1::GetCrlRequest& request);

  const Dependencies with_;
  CaClient& ca_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_SERVICE_H_
