#include "services/inventory/certificate_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/x509/serial.h"
#include "services/inventory/convert.h"

namespace birthmark::inventory {

namespace pb = certificate::v1;

void CertificateServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(
        router,
        absl::StrCat("birthmark.certificate.v1.CertificateService.", name),
        this, method);
  };
  serve("GetCertificate", &CertificateServiceImpl::GetCertificate);
  serve("ListCertificates", &CertificateServiceImpl::ListCertificates);
}

absl::StatusOr<pb::Certificate> CertificateServiceImpl::GetCertificate(
    const rpc::CallContext&, const pb::GetCertificateRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseParent(kCertificatePattern, request.name(), "name"));
  const absl::StatusOr<std::string> serial = x509::SerialFromHex(ids[1]);
  if (!serial.ok()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kBadResourceName,
        absl::StrCat("the field name must be ", kCertificatePattern,
                     " with a serial of 32 lower-case hex digits"),
        {{"field", "name"}, {"expected", kCertificatePattern}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::CertificateRow row,
      with_.certificates.Get(ids[0] == "-" ? "" : ids[0], *serial));
  return ToProto(row, with_.clock.Now());
}

absl::StatusOr<pb::ListCertificatesResponse>
CertificateServiceImpl::ListCertificates(
    const rpc::CallContext&, const pb::ListCertificatesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseParent("issuers/{issuer}", request.parent()));
  storage::CertificateFilter filter;
  filter.issuer_id = ids[0] == "-" ? "" : ids[0];
  if (!request.device().empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<std::string> device,
        ParseName(kDevicePattern, request.device(), "device"));
    // Only a device of this fleet: a wrong name finds nothing, but says so.
    BIRTHMARK_RETURN_IF_ERROR(with_.devices.Get(device[0], device[1]).status());
    filter.device_uid = device[1];
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::CertificateRow> page,
      rpc::ReadPage<storage::CertificateRow>(
          with_.page_tokens, request,
          [&](const std::string& after, int limit) {
            return with_.certificates.List(filter, after, limit);
          },
          [](const storage::CertificateRow& row) { return row.serial; }));
  pb::ListCertificatesResponse response;
  const absl::Time now = with_.clock.Now();
  for (const storage::CertificateRow& row : page.rows) {
    BIRTHMARK_ASSIGN_OR_RETURN(*response.add_certificates(), ToProto(row, now));
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

}  // namespace birthmark::inventory
