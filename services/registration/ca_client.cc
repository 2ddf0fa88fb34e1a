#include "services/registration/ca_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/status.h"

namespace birthmark::registration {
namespace {

// Turns what a call to the CA ended with into what our own caller should hear.
absl::Status FromCa(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (Reason(status) == reasons::kDatabaseOffline) {
        return status;
      }
      [[fallthrough]];
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kResourceExhausted:
    // A commit in doubt: asking again finds out what became of it.
    case absl::StatusCode::kUnknown:
      return WithRetryAfter(
          MakeError(absl::StatusCode::kUnavailable, reasons::kSignerOffline,
                    absl::StrCat("the certificate authority does not answer (",
                                 absl::StatusCodeToString(status.code()),
                                 "); nothing is lost, try again")),
          absl::Seconds(1));
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return absl::InternalError(absl::StrCat(
          "the certificate authority refuses this service: ",
          status.ToString(absl::StatusToStringMode::kWithNoExtraData)));
    default:
      return status;
  }
}

}  // namespace

absl::StatusOr<CaClient::Issued> CaClient::Issue(
    absl::string_view profile_id,
    std::vector<ca::v1::CertificateRequest> requests,
    absl::string_view on_behalf_of, bool first_attempt) {
  ca::v1::IssueCertificatesRequest request;
  request.set_first_attempt(first_attempt);
  request.set_profile(absl::StrCat("profiles/", profile_id));
  request.set_on_behalf_of(std::string(on_behalf_of));
  for (ca::v1::CertificateRequest& one : requests) {
    *request.add_requests() = std::move(one);
  }
  auto response = channel_.Unary<ca::v1::IssueCertificatesResponse>(
      "birthmark.ca.v1.CertificateAuthority.IssueCertificates", request,
      kTimeout);
  if (!response.ok()) {
    return FromCa(response.status());
  }
  if (response->results_size() != request.requests_size()) {
    return absl::InternalError(absl::StrCat(
        "the certificate authority gave ", response->results_size(),
        " answers to ", request.requests_size(), " requests"));
  }
  Issued issued;
  issued.certificates.reserve(response->results_size());
  for (auto& result : *response->mutable_results()) {
    if (result.has_error()) {
      issued.certificates.push_back(FromCa(rpc::FromProto(result.error())));
    } else {
      issued.certificates.push_back(
          std::move(*result.mutable_certificate_der()));
    }
  }
  for (std::string& der : *response->mutable_issuer_chain_der()) {
    issued.issuer_chain.push_back(std::move(der));
  }
  return issued;
}

absl::StatusOr<std::vector<std::string>> CaClient::IssueOne(
    absl::string_view profile_id, ca::v1::CertificateRequest request,
    absl::string_view on_behalf_of) {
  std::vector<ca::v1::CertificateRequest> requests;
  requests.push_back(std::move(request));
  BIRTHMARK_ASSIGN_OR_RETURN(
      Issued issued, Issue(profile_id, std::move(requests), on_behalf_of,
                           /*first_attempt=*/false));
  BIRTHMARK_ASSIGN_OR_RETURN(std::string leaf,
                             std::move(issued.certificates.front()));
  std::vector<std::string> chain;
  chain.push_back(std::move(leaf));
  for (std::string& der : issued.issuer_chain) {
    chain.push_back(std::move(der));
  }
  return chain;
}

absl::StatusOr<std::vector<std::string>> CaClient::IssuerChain(
    absl::string_view issuer_id) {
  ca::v1::GetIssuerRequest request;
  request.set_name(absl::StrCat("issuers/", issuer_id));
  auto issuer = channel_.Unary<ca::v1::Issuer>(
      "birthmark.ca.v1.CertificateAuthority.GetIssuer", request, kTimeout);
  if (!issuer.ok()) {
    return FromCa(issuer.status());
  }
  std::vector<std::string> chain(issuer->certificate_chain_der().begin(),
                                 issuer->certificate_chain_der().end());
  if (chain.size() < 2) {
    return absl::InternalError(absl::StrCat(
        "the certificate authority gave issuer ", issuer_id, " without root"));
  }
  chain.pop_back();
  return chain;
}

absl::StatusOr<ca::v1::SignCrlResponse> CaClient::SignCrl(
    absl::string_view issuer_id, int shard) {
  ca::v1::SignCrlRequest request;
  request.set_issuer(absl::StrCat("issuers/", issuer_id));
  request.set_shard(shard);
  auto response = channel_.Unary<ca::v1::SignCrlResponse>(
      "birthmark.ca.v1.CrlSigner.SignCrl", request, kTimeout);
  if (!response.ok()) {
    return FromCa(response.status());
  }
  return response;
}

}  // namespace birthmark::registration
