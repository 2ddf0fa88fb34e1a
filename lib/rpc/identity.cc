#include "lib/rpc/identity.h"

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/keys/local_key.h"
#include "lib/x509/certificate.h"

namespace birthmark::rpc {

absl::Status CheckIdentity(const IdentityFiles& files) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string pem,
                             ReadFile(files.certificate));
  const absl::StatusOr<std::vector<x509::Certificate>> chain =
      x509::Certificate::ParsePem(pem);
  if (!chain.ok()) {
    return absl::Status(
        chain.status().code(),
        absl::StrCat(files.certificate, ": ", chain.status().message()));
  }
  const absl::StatusOr<std::unique_ptr<keys::LocalKey>> key =
      keys::LocalKey::Load(files.private_key);
  if (!key.ok()) {
    return absl::Status(
        key.status().code(),
        absl::StrCat(files.private_key, ": ", key.status().message()));
  }
  if (!((*key)->public_key() == chain->front().public_key())) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.private_key, " is not the key of the certificate ",
                     files.certificate));
  }
  return absl::OkStatus();
}

}  // namespace birthmark::rpc
