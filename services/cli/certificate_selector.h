// Which certificates a mass revocation is about, as people say it. Pure
// functions.

#ifndef BIRTHMARK_SERVICES_CLI_CERTIFICATE_SELECTOR_H_
#define BIRTHMARK_SERVICES_CLI_CERTIFICATE_SELECTOR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "services/cli/command.h"

namespace birthmark::cli {

// SelectorParams are the options that select.
std::vector<Param> SelectorParams();

// SelectorFrom reads them. INVALID_ARGUMENT / USAGE if one is malformed, or
// none is given: everything there is cannot be meant.
absl::StatusOr<revocation::v1::CertificateSelector> SelectorFrom(
    const Arguments& args);

// SelectorText returns "fleet acme, model gateway-7": all that must agree.
std::string SelectorText(const revocation::v1::CertificateSelector& selector);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CERTIFICATE_SELECTOR_H_
