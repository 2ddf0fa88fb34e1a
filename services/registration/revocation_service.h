// RevocationServiceImpl has the methods of RevocationService that are about one
// certificate, and those about CRLs.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_SERVICE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "lib/storage/certificate_store.h"
#include "services/registration/ca_client.h"
#include "services/registration/dependencies.h"
#include "services/registration/revocation_barrier.h"

namespace birthmark::registration {

// RevocationServiceImpl is thread-safe. What its constructor takes must outlive
// it.
class RevocationServiceImpl {
 public:
  RevocationServiceImpl(const Dependencies& dependencies, CaClient& ca,
                        RevocationBarrier& barrier)
      : with_(dependencies), ca_(ca), barrier_(barrier) {}

  void Register(rpc::Router& router);

 private:
  using Revocation = revocation::v1::Revocation;

  absl::StatusOr<Revocation> RevokeCertificate(
      const rpc::CallContext& context,
      const revocation::v1::RevokeCertificateRequest& request);
  absl::StatusOr<Revocation> HoldCertificate(
      const rpc::CallContext& context,
      const revocation::v1::HoldCertificateRequest& request);
  absl::StatusOr<Revocation> ReleaseCertificate(
      const rpc::CallContext& context,
      const revocation::v1::ReleaseCertificateRequest& request);
  absl::StatusOr<revocation::v1::ListRevocationsResponse> ListRevocations(
      const rpc::CallContext& context,
      const revocation::v1::ListRevocationsRequest& request);
  absl::StatusOr<revocation::v1::Crl> GetCrl(
      const rpc::CallContext& context,
      const revocation::v1::GetCrlRequest& request);
  absl::StatusOr<revocation::v1::ListCrlShardsResponse> ListCrlShards(
      const rpc::CallContext& context,
      const revocation::v1::ListCrlShardsRequest& request);

  // Change does one of the three: `store_method` to the certificate of `row`,
  // once for the request, with an audit entry of `action`.
  template <typename Request, typename StoreMethod>
  absl::StatusOr<Revocation> Change(const rpc::CallContext& context,
                                    const Request& request,
                                    absl::StatusOr<storage::RevocationRow> row,
                                    absl::string_view action,
                                    StoreMethod store_method);

  const Dependencies with_;
  CaClient& ca_;
  RevocationBarrier& barrier_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_SERVICE_H_
