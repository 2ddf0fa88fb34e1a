#include "services/cli/operator_identity.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/config/profile_loader.h"
#include "lib/config/textproto.h"
#include "lib/config/validate.h"
#include "lib/keys/kek.h"
#include "lib/keys/local_key.h"
#include "lib/keys/sealed_file.h"
#include "lib/x509/certificate.h"
#include "lib/x509/spiffe.h"
#include "services/cli/ceremony.h"
#include "services/cli/client.h"
#include "services/cli/error_report.h"
#include "services/cli/identity_folder.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr mode_t kPrivate = 0600;
constexpr char kFileName[] = "operator";

// Errors of configuration files name the file already.
absl::Status InFile(const absl::Status& status, const std::string& path) {
  if (absl::IsInvalidArgument(status)) {
    return MakeError(status.code(), reasons::kInputMalformed, status.message(),
                     {{"path", path}});
  }
  return FileError(status, path);
}

// OperatorMaker is one AddOperator.
class OperatorMaker {
 public:
  OperatorMaker(const NewOperator& request, Clock& clock)
      : request_(request), clock_(clock) {}

  absl::StatusOr<AddedOperator> Make() {
    BIRTHMARK_RETURN_IF_ERROR(Load());
    BIRTHMARK_ASSIGN_OR_RETURN(std::optional<x509::Certificate> certificate,
                               Listed());
    BIRTHMARK_ASSIGN_OR_RETURN(const std::unique_ptr<keys::LocalKey> key,
                               Key(certificate));
    if (!certificate.has_value()) {
      BIRTHMARK_ASSIGN_OR_RETURN(certificate, Certify(*key));
      BIRTHMARK_RETURN_IF_ERROR(List(*certificate));
    }
    const std::string path = Out(".pem");
    BIRTHMARK_RETURN_IF_ERROR(FileError(
        WriteFileAtomically(
            path, absl::StrCat(certificate->ToPem(), issuer_->ToPem()),
            kPrivate),
        path));
    BIRTHMARK_RETURN_IF_ERROR(
        WriteClientFiles(request_.out, kFileName, client_));
    return AddedOperator{CopyPath(), MigratePath(),
                         certificate->fields().not_after};
  }

 private:
  std::string Path(absl::string_view relative) const {
    return absl::StrCat(request_.deployment, "/", relative);
  }
  std::string Out(absl::string_view suffix) const {
    return absl::StrCat(request_.out, "/", kFileName, suffix);
  }
  std::string MigratePath() const { return Path("config/migrate.textproto"); }
  std::string CopyPath() const {
    return Path(absl::StrCat("operators/", request_.name, ".pem"));
  }

  absl::Status Load() {
    std::string path = Path("config/ca.textproto");
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      path = Path("config/birthmarkd.textproto");
    }
    absl::StatusOr<config::v1::ServerConfig> server =
        config::LoadServerConfig(path);
    if (!server.ok()) {
      return InFile(server.status(), path);
    }
    server_ = *std::move(server);
    absl::StatusOr<config::v1::MigrateConfig> migrate =
        config::LoadMigrateConfig(MigratePath());
    if (!migrate.ok()) {
      return InFile(migrate.status(), MigratePath());
    }
    migrate_ = *std::move(migrate);
    BIRTHMARK_ASSIGN_OR_RETURN(client_, LoadClientFile(request_.client_file));
    client_.clear_fleet();
    client_.clear_line();
    BIRTHMARK_RETURN_IF_ERROR(FindProfile(path));
    return OpenIssuer(path);
  }

  absl::Status FindProfile(const std::string& config_path) {
    for (const std::string& path : server_.ca().profile_files()) {
      absl::StatusOr<policy::Profile> profile = config::LoadProfile(path);
      if (!profile.ok()) {
        return InFile(profile.status(), path);
      }
      if (profile->kind == policy::ProfileKind::kOperator) {
        profile_ = *std::move(profile);
        return absl::OkStatus();
      }
    }
    return InFile(absl::InvalidArgumentError(
                      absl::StrCat(config_path, ": no profile for operators")),
                  config_path);
  }

  absl::Status OpenIssuer(const std::string& config_path) {
    for (const config::v1::IssuerConfig& issuer : server_.ca().issuers()) {
      if (issuer.id() != profile_.issuer) {
        continue;
      }
      absl::StatusOr<crypto::SecretBytes> kek =
          keys::LoadKek(server_.ca().kek_file());
      if (!kek.ok()) {
        return FileError(kek.status(), server_.ca().kek_file());
      }
      absl::StatusOr<std::unique_ptr<keys::Signer>> signer =
          keys::FileSigner::Open(issuer.sealed_key_file(), issuer.id(), *kek);
      if (!signer.ok()) {
        return FileError(signer.status(), issuer.sealed_key_file());
      }
      signer_ = *std::move(signer);
      absl::StatusOr<x509::Certificate> certificate =
          ReadCertificate(issuer.certificate_file());
      if (!certificate.ok()) {
        return certificate.status();
      }
      issuer_ = *std::move(certificate);
      return absl::OkStatus();
    }
    return InFile(absl::InvalidArgumentError(absl::StrCat(
                      config_path, ": no issuer ", profile_.issuer,
                      ", which the profile ", profile_.id, " names")),
                  config_path);
  }

  static absl::StatusOr<x509::Certificate> ReadCertificate(
      const std::string& path) {
    const absl::StatusOr<std::string> pem = ReadFile(path);
    if (!pem.ok()) {
      return FileError(pem.status(), path);
    }
    const auto certificates = x509::Certificate::ParsePem(*pem);
    if (!certificates.ok()) {
      return InFile(certificates.status(), path);
    }
    return certificates->front();
  }

  // The good certificate of this operator that is listed already, if any.
  absl::StatusOr<std::optional<x509::Certificate>> Listed() const {
    const x509::SpiffeId id = {.trust_domain = server_.trust_domain(),
                               .kind = x509::SpiffeKind::kOperator,
                               .fleet = "",
                               .name = request_.name};
    BIRTHMARK_ASSIGN_OR_RETURN(const std::string uri, id.ToUri());
    for (const auto& recorded : migrate_.certificates()) {
      if (recorded.profile() != profile_.id) {
        continue;
      }
      BIRTHMARK_ASSIGN_OR_RETURN(const x509::Certificate certificate,
                                 ReadCertificate(recorded.certificate_file()));
      const std::vector<std::string>& uris =
          certificate->subject_alt_names.uris;
      if (std::find(uris.begin(), uris.end(), uri) != uris.end() &&
          certificate->not_after > clock_.Now()) {
        return certificate;
      }
    }
    return std::nullopt;
  }

  // The key of a call that broke off, or a new one. With a `listed` certificate
  // only the key that it is for will do.
  absl::StatusOr<std::unique_ptr<keys::LocalKey>> Key(
      const std::optional<x509::Certificate>& listed) const {
    std::error_code ignored;
    if (std::filesystem::exists(Out(".pem"), ignored)) {
      return MakeError(absl::StatusCode::kAlreadyExists,
                       reasons::kFolderNotEmpty,
                       absl::StrCat(request_.out, " holds an operator already"),
                       {{"path", request_.out}});
    }
    if (!listed.has_value()) {
      BIRTHMARK_RETURN_IF_ERROR(MakeFolder(request_.out));
      return KeyForNewCertificate(Out(".key"));
    }
    absl::StatusOr<std::unique_ptr<keys::LocalKey>> key =
        keys::LocalKey::Load(Out(".key"));
    if (!key.ok() || !((*key)->public_key() == listed->public_key())) {
      return MakeError(
          absl::StatusCode::kAlreadyExists, reasons::kOperatorExists,
          absl::StrCat("the deployment has an operator ", request_.name,
                       " already: choose another name"),
          {{"path", MigratePath()}});
    }
    return key;
  }

  absl::StatusOr<x509::Certificate> Certify(const keys::LocalKey& key) {
    const Published published = {server_.ca().crl_base_url(),
                                 server_.ca().ocsp_url(),
                                 server_.ca().ca_issuers_base_url()};
    Ceremony ceremony(server_.trust_domain(), clock_);
    return ceremony.MakeLeaf(Authority{*issuer_, std::move(signer_)}, profile_,
                             server_.trust_domain(), published,
                             key.public_key().spki_der(),
                             policy::OperatorSubject{request_.name});
  }

  // The certificate stays with the deployment: whoever migrates needs it when
  // the identity folder has long been handed over.
  absl::Status List(const x509::Certificate& certificate) {
    const std::string folder = Path("operators");
    BIRTHMARK_RETURN_IF_ERROR(MakeFolder(folder));
    BIRTHMARK_RETURN_IF_ERROR(FileError(
        WriteFileAtomically(CopyPath(), certificate.ToPem(), kPrivate),
        CopyPath()));
    absl::StatusOr<std::string> text = ReadFile(MigratePath());
    if (!text.ok()) {
      return FileError(text.status(), MigratePath());
    }
    // Appended as text: comments of people stay.
    config::v1::MigrateConfig addition;
    config::v1::RecordedCertificate& recorded = *addition.add_certificates();
    recorded.set_certificate_file(
        absl::StrCat("../operators/", request_.name, ".pem"));
    recorded.set_issuer(profile_.issuer);
    recorded.set_profile(profile_.id);
    if (!absl::EndsWith(*text, "\n")) {
      absl::StrAppend(&*text, "\n");
    }
    absl::StrAppend(&*text, config::Print(addition));
    config::v1::MigrateConfig check;
    BIRTHMARK_RETURN_IF_ERROR(
        InFile(config::ParseInto(*text, MigratePath(), check), MigratePath()));
    return FileError(WriteFileAtomically(MigratePath(), *text, kPrivate),
                     MigratePath());
  }

  const NewOperator& request_;
  Clock& clock_;
  config::v1::ServerConfig server_;
  config::v1::MigrateConfig migrate_;
  config::v1::ClientConfig client_;
  policy::Profile profile_;
  std::unique_ptr<keys::Signer> signer_;
  std::optional<x509::Certificate> issuer_;
};

}  // namespace

absl::StatusOr<AddedOperator> AddOperator(const NewOperator& request,
                                          Clock& clock) {
  return OperatorMaker(request, clock).Make();
}

}  // namespace birthmark::cli
