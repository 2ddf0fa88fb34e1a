#include "services/status/ca_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/status_macros.h"

namespace birthmark::status {

absl::StatusOr<std::string> CaClient::CertifyResponder(
    absl::string_view issuer_id, absl::string_view csr_der) {
  ca::v1::CertifyResponderRequest request;
  request.set_issuer(absl::StrCat("issuers/", issuer_id));
  request.set_csr_der(std::string(csr_der));
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto response,
      channel_.Unary<ca::v1::CertifyResponderResponse>(
          "birthmark.ca.v1.OcspSigner.CertifyResponder", request, kTimeout));
  return std::move(*response.mutable_certificate_der());
}

absl::StatusOr<int64_t> CaClient::SignCrl(absl::string_view issuer_id,
                                          int shard) {
  ca::v1::SignCrlRequest request;
  request.set_issuer(absl::StrCat("issuers/", issuer_id));
  request.set_shard(shard);
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel_.Unary<ca::v1::SignCrlResponse>(
          "birthmark.ca.v1.CrlSigner.SignCrl", request, kTimeout));
  return response.revision();
}

}  // namespace birthmark::status
