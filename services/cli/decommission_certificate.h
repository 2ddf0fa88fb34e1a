// VerifyDecommission judges a certificate of decommission offline
// (docs/formats/decommission_certificate.md).

#ifndef BIRTHMARK_SERVICES_CLI_DECOMMISSION_CERTIFICATE_H_
#define BIRTHMARK_SERVICES_CLI_DECOMMISSION_CERTIFICATE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/x509/chain.h"
#include "nlohmann/json.hpp"

namespace birthmark::cli {

struct VerifiedDecommission {
  nlohmann::json facts;  // the payload
  absl::Time issue_time;
  x509::VerifiedChain chain;  // who signed it
};

// VerifyDecommission reads a JWS and checks its signature, that the signer is
// one of records, and that its chain leads to one of the roots among the
// certificates of `bundle_pem` at the time at which it was signed, as it says
// itself. Nothing is asked of anybody. kInvalidArgument / INPUT_MALFORMED,
// metadata path as given; kFailedPrecondition / NOT_VERIFIED, metadata why.
absl::StatusOr<VerifiedDecommission> VerifyDecommission(
    absl::string_view jws, absl::string_view jws_path,
    absl::string_view bundle_pem, absl::string_view bundle_path,
    absl::Time now);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DECOMMISSION_CERTIFICATE_H_
