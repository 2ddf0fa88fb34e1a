// CertificateStateText returns a certificate's state for people: "good",
// "revoked (keyCompromise)". A pure function.

#ifndef BIRTHMARK_SERVICES_CLI_CERTIFICATE_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_CERTIFICATE_TEXT_H_

#include <string>

#include "birthmark/certificate/v1/certificate_service.pb.h"

namespace birthmark::cli {

std::string CertificateStateText(
    const certificate::v1::Certificate& certificate);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CERTIFICATE_TEXT_H_
