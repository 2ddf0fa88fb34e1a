// EnforcementService has the methods of RevocationService that are about those
// who refuse revoked certificates.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ENFORCEMENT_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ENFORCEMENT_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/registration/ca_client.h"
#include "services/registration/dependencies.h"
#include "services/registration/profiles.h"

namespace birthmark::registration {

// EnforcementService is thread-safe. What its constructor takes must outlive
// it.
class EnforcementService {
 public:
  EnforcementService(const Dependencies& dependencies, const Profiles& profiles,
                     CaClient& ca)
      : with_(dependencies), profiles_(profiles), ca_(ca) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<revocation::v1::CreateEnforcementPointResponse>
  CreateEnforcementPoint(
      const rpc::CallContext& context,
      const revocation::v1::CreateEnforcementPointRequest& request);
  absl::StatusOr<revocation::v1::ListEnforcementPointsResponse>
  ListEnforcementPoints(
      const rpc::CallContext& context,
      const revocation::v1::ListEnforcementPointsRequest& request);
  absl::StatusOr<revocation::v1::EnforcementPoint> ReportEnforcement(
      const rpc::CallContext& context,
      const revocation::v1::ReportEnforcementRequest& request);

  const Dependencies with_;
  const Profiles& profiles_;
  CaClient& ca_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ENFORCEMENT_SERVICE_H_
