// CertificateServiceImpl has the methods of CertificateService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_CERTIFICATE_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_CERTIFICATE_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// CertificateServiceImpl is thread-safe.
class CertificateServiceImpl {
 public:
  explicit CertificateServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<certificate::v1::Certificate> GetCertificate(
      const rpc::CallContext& context,
      const certificate::v1::GetCertificateRequest& request);
  absl::StatusOr<certificate::v1::ListCertificatesResponse> ListCertificates(
      const rpc::CallContext& context,
      const certificate::v1::ListCertificatesRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_CERTIFICATE_SERVICE_H_
