// CSRs and certificates for tests of provisioning.

#ifndef BIRTHMARK_SERVICES_CLI_PROVISION_TESTING_H_
#define BIRTHMARK_SERVICES_CLI_PROVISION_TESTING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace birthmark::cli {

// MakeTestCsr returns a CSR (DER) for a fresh key.
std::string MakeTestCsr();

// MakeTestCertificate returns a certificate (DER) for the key of a CSR, signed
// by a throwaway key.
std::string MakeTestCertificate(absl::string_view csr_der);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_PROVISION_TESTING_H_
