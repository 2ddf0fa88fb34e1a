#include "services/cli/identity_folder.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/config/textproto.h"
#include "lib/x509/certificate.h"
#include "lib/x509/csr.h"
#include "services/cli/client.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr mode_t kPrivate = 0600;
constexpr char kRootsFile[] = "roots.pem";

}  // namespace

absl::Status MakeFolder(const std::string& dir) {
  return FileError(CreatePrivateDirectory(dir), dir);
}

absl::StatusOr<std::unique_ptr<keys::LocalKey>> KeyForNewCertificate(
    const std::string& path) {
  absl::StatusOr<std::unique_ptr<keys::LocalKey>> old =
      keys::LocalKey::Load(path);
  if (old.ok()) {
    return old;
  }
  if (!absl::IsNotFound(old.status())) {
    return FileError(old.status(), path);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::unique_ptr<keys::LocalKey> key,
      keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  BIRTHMARK_RETURN_IF_ERROR(FileError(key->Save(path), path));
  return key;
}

absl::StatusOr<std::string> CsrFor(const keys::LocalKey& key) {
  return x509::CreateCsr(
      {}, key.public_key().spki_der(), key.algorithm(),
      [&key](absl::string_view message) { return key.Sign(message); });
}

absl::StatusOr<std::string> ChainPem(
    const google::protobuf::RepeatedPtrField<std::string>& chain_der,
    const keys::LocalKey& key) {
  std::string pem;
  bool is_first = true;
  for (const std::string& der : chain_der) {
    BIRTHMARK_ASSIGN_OR_RETURN(const x509::Certificate certificate,
                               x509::Certificate::Parse(der));
    if (is_first && !(certificate.public_key() == key.public_key())) {
      break;
    }
    is_first = false;
    absl::StrAppend(&pem, certificate.ToPem());
  }
  if (pem.empty()) {
    return MakeError(absl::StatusCode::kInternal, reasons::kWrongCertificate,
                     "the service sent no certificate for this key");
  }
  return pem;
}

absl::Status WriteClientFiles(const std::string& dir, absl::string_view name,
                              config::v1::ClientConfig config) {
  absl::StatusOr<std::string> roots = ReadFile(config.roots_file());
  if (!roots.ok()) {
    return FileError(roots.status(), config.roots_file());
  }
  const std::string roots_path = absl::StrCat(dir, "/", kRootsFile);
  BIRTHMARK_RETURN_IF_ERROR(
      FileError(WriteFileAtomically(roots_path, *roots, kPrivate), roots_path));
  config.set_roots_file(kRootsFile);
  config.mutable_identity()->set_certificate_file(absl::StrCat(name, ".pem"));
  config.mutable_identity()->set_private_key_file(absl::StrCat(name, ".key"));
  const std::string config_path = absl::StrCat(dir, "/", kClientConfigFile);
  return FileError(
      WriteFileAtomically(config_path, config::Print(config), kPrivate),
      config_path);
}

}  // namespace birthmark::cli
