#include "services/cli/certificate_text.h"

#include "absl/strings/str_cat.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {

std::string CertificateStateText(
    const certificate::v1::Certificate& certificate) {
  std::string text =
      EnumText(certificate::v1::CertificateState_Name(certificate.state()),
               "CERTIFICATE_STATE_");
  if (certificate.state() == certificate::v1::CERTIFICATE_STATE_REVOKED) {
    absl::StrAppend(&text, " (", ReasonText(certificate.revocation_reason()),
                    ")");
  }
  return text;
}

std::string ShardText(int32_t crl_shard) {
  return crl_shard < 0 ? "none: short-lived, on no CRL"
                       : absl::StrCat(crl_shard);
}

}  // namespace birthmark::cli
