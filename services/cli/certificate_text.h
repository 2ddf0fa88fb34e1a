// Certificates as people read them. Pure functions.

#ifndef BIRTHMARK_SERVICES_CLI_CERTIFICATE_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_CERTIFICATE_TEXT_H_

#include <cstdint>
#include <string>

#include "birthmark/certificate/v1/certificate_service.pb.h"

namespace birthmark::cli {

// CertificateStateText returns "good", "revoked (keyCompromise)".
std::string CertificateStateText(
    const certificate::v1::Certificate& certificate);

// ShardText returns the number of a CRL shard, or says that there is none.
std::string ShardText(int32_t crl_shard);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CERTIFICATE_TEXT_H_
