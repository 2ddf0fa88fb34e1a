// convert is between the API's messages and plain structs.

#ifndef BIRTHMARK_SERVICES_CA_CONVERT_H_
#define BIRTHMARK_SERVICES_CA_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/policy/issuance.h"
#include "lib/storage/crl_store.h"
#include "services/ca/issuer.h"

namespace birthmark::ca {

inline constexpr int kMaxRequests = 1000;

// RequestsFrom takes the requests over as they are: what is wrong with one
// fails that one, later. kInvalidArgument / INVALID_FIELD if there are none or
// more than kMaxRequests.
absl::StatusOr<std::vector<policy::IssuanceRequest>> RequestsFrom(
    const v1::IssueCertificatesRequest& request);

// CheckOnBehalfOf: a SPIFFE ID of `trust_domain`, or `idevid:<serial>`.
// kInvalidArgument / INVALID_FIELD.
absl::Status CheckOnBehalfOf(absl::string_view actor,
                             absl::string_view trust_domain);

v1::Issuer IssuerTo(const Issuer& issuer);
v1::Profile ProfileTo(const policy::Profile& profile);
v1::SignCrlResponse CrlTo(const storage::CrlRow& row);

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_CONVERT_H_
