#include "services/ca/convert.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/spiffe.h"

namespace birthmark::ca {
namespace {

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

policy::Subject SubjectFrom(const v1::CertificateRequest& request) {
  switch (request.subject_case()) {
    case v1::CertificateRequest::kDevice:
      return policy::DeviceSubject{
          request.device().uid(), request.device().fleet(),
          request.device().model(), request.device().serial_number()};
    case v1::CertificateRequest::kLine:
      return policy::LineSubject{request.line().fleet(), request.line().line()};
    case v1::CertificateRequest::kOperator:
      return policy::OperatorSubject{request.operator_().operator_()};
    case v1::CertificateRequest::kService:
      return policy::ServiceSubject{request.service().service(),
                                    {request.service().dns_names().begin(),
                                     request.service().dns_names().end()}};
    case v1::CertificateRequest::kEnforcementPoint:
      return policy::EnforcementPointSubject{
          request.enforcement_point().enforcement_point()};
    case v1::CertificateRequest::SUBJECT_NOT_SET:
      break;
  }
  return std::monostate();
}

}  // namespace

absl::StatusOr<std::vector<policy::IssuanceRequest>> RequestsFrom(
    const v1::IssueCertificatesRequest& request) {
  if (request.requests_size() < 1 || request.requests_size() > kMaxRequests) {
    return Invalid("requests", absl::StrCat("must be 1 to ", kMaxRequests,
                                            ", are ", request.requests_size()));
  }
  std::vector<policy::IssuanceRequest> out;
  out.reserve(request.requests_size());
  for (const v1::CertificateRequest& one : request.requests()) {
    out.push_back({one.serial(), one.spki_der(), SubjectFrom(one)});
  }
  return out;
}

absl::Status CheckOnBehalfOf(absl::string_view actor,
                             absl::string_view trust_domain) {
  absl::string_view rest = actor;
  if (absl::ConsumePrefix(&rest, "idevid:")) {
    return IsSerial(rest)
               ? absl::OkStatus()
               : Invalid("on_behalf_of", "no serial number after `idevid:`");
  }
  const auto id = x509::SpiffeId::Parse(actor);
  if (!id.ok() || id->trust_domain != trust_domain) {
    return Invalid("on_behalf_of",
                   "must be a SPIFFE ID of this trust domain, or "
                   "`idevid:<serial>`");
  }
  return absl::OkStatus();
}

v1::Issuer IssuerTo(const Issuer& issuer) {
  v1::Issuer out;
  out.set_name(issuer.name());
  for (const x509::Certificate& certificate : issuer.chain()) {
    out.add_certificate_chain_der(certificate->der);
  }
  return out;
}

v1::Profile ProfileTo(const policy::Profile& profile) {
  v1::Profile out;
  out.set_name(absl::StrCat("profiles/", profile.id));
  out.set_version(profile.version);
  out.set_issuer(absl::StrCat("issuers/", profile.issuer));
  if (profile.validity.has_value()) {
    out.mutable_validity()->set_seconds(
        absl::ToInt64Seconds(*profile.validity));
  }
  return out;
}

v1::SignCrlResponse CrlTo(const storage::CrlRow& row) {
  v1::SignCrlResponse out;
  out.set_crl_der(row.crl_der);
  out.set_number(row.number);
  *out.mutable_this_update_time() = rpc::ToTimestamp(row.this_update);
  *out.mutable_next_update_time() = rpc::ToTimestamp(row.next_update);
  out.set_revision(row.revision);
  return out;
}

}  // namespace birthmark::ca
