#include "services/cli/deployment.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/config/profile_loader.h"
#include "lib/config/textproto.h"
#include "lib/keys/kek.h"
#include "lib/keys/local_key.h"
#include "lib/keys/sealed_file.h"
#include "services/cli/ceremony.h"
#include "services/cli/client.h"
#include "services/cli/default_profiles.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr mode_t kPrivate = 0600;
// The issuer of operational certificates and that of services can be replaced
// in the field; birth certificates must verify as long as a device lives.
constexpr absl::Duration kIssuerValidity = absl::Hours(24 * 365 * 10);

constexpr absl::string_view kOfflineReadme =
    R"(This folder holds the root key of the deployment, sealed, and the
key-encryption key that opens it. No service needs them: they are for signing
new issuers. Move the whole folder to a vault, on two media, and delete it here.
)";

constexpr absl::string_view kConfigHeader =
    "# Made by `birthmark init`, to be edited. Every field is explained in\n"
    "# proto/birthmark/config/v1. Relative paths are relative to this file.\n";

class DeploymentMaker {
 public:
  DeploymentMaker(const DeploymentOptions& options, Clock& clock)
      : options_(options),
        ceremony_(options.organization.empty() ? options.trust_domain
                                               : options.organization,
                  clock) {}

  absl::Status Make() {
    for (const char* folder : {"offline", "trust", "ca", "profiles", "tls",
                               "operator", "config", "db", "run", "journal",
                               "journal/registration", "journal/birthmarkd"}) {
      const std::string path = Path(folder);
      BIRTHMARK_RETURN_IF_ERROR(FileError(CreatePrivateDirectory(path), path));
    }
    BIRTHMARK_RETURN_IF_ERROR(WriteProfiles());
    BIRTHMARK_RETURN_IF_ERROR(MakeAuthorities());
    for (const absl::string_view role : kRoles) {
      BIRTHMARK_RETURN_IF_ERROR(MakeService(role, role, {std::string(role)}));
    }
    // One process with all roles calls nobody but as `registration`, and
    // answers to the names of all.
    BIRTHMARK_RETURN_IF_ERROR(
        MakeService(kAllRoles, "registration",
                    {"registration", "inventory", "ca", "status"}));
    BIRTHMARK_RETURN_IF_ERROR(MakeOperator());
    return WriteConfiguration();
  }

 private:
  std::string Path(absl::string_view relative) const {
    return absl::StrCat(options_.dir, "/", relative);
  }

  absl::Status Write(absl::string_view relative, absl::string_view bytes) {
    const std::string path = Path(relative);
    return FileError(WriteNewFile(path, bytes, kPrivate), path);
  }

  // The profiles as they are, comments included, with the organisation that
  // this deployment is of. LDevIDs name no organisation.
  absl::Status WriteProfiles() {
    for (const DefaultProfile& profile : DefaultProfiles()) {
      const std::string name =
          absl::StrCat("profiles/", profile.id, ".textproto");
      std::string text(profile.textproto);
      if (!options_.organization.empty() && profile.id != "ldevid") {
        config::v1::Profile organization;
        organization.set_organization(options_.organization);
        absl::StrAppend(&text, config::Print(organization));
      }
      BIRTHMARK_RETURN_IF_ERROR(Write(name, text));
      BIRTHMARK_ASSIGN_OR_RETURN(policy::Profile loaded,
                                 config::LoadProfile(Path(name)));
      profile_ids_.push_back(loaded.id);
      profiles_.emplace(loaded.id, std::move(loaded));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<keys::Signer>> NewSealedKey(
      const std::string& folder, absl::string_view name,
      crypto::KeyAlgorithm algorithm) {
    const std::string kek_path = Path(absl::StrCat(folder, "/kek"));
    std::error_code ignored;
    if (!std::filesystem::exists(kek_path, ignored)) {
      BIRTHMARK_RETURN_IF_ERROR(FileError(keys::CreateKek(kek_path), kek_path));
    }
    BIRTHMARK_ASSIGN_OR_RETURN(const crypto::SecretBytes kek,
                               keys::LoadKek(kek_path));
    const std::string path = Path(absl::StrCat(folder, "/", name, ".sealed"));
    BIRTHMARK_RETURN_IF_ERROR(
        FileError(keys::CreateSealedKey(path, name, algorithm, kek), path));
    return keys::FileSigner::Open(path, name, kek);
  }

  absl::Status MakeAuthorities() {
    BIRTHMARK_ASSIGN_OR_RETURN(
        std::unique_ptr<keys::Signer> root_key,
        NewSealedKey("offline", "root", crypto::KeyAlgorithm::kP384));
    BIRTHMARK_ASSIGN_OR_RETURN(const Authority root,
                               ceremony_.MakeRoot(std::move(root_key)));
    root_pem_ = root.certificate.ToPem();
    BIRTHMARK_RETURN_IF_ERROR(Write("offline/root.pem", root_pem_));
    BIRTHMARK_RETURN_IF_ERROR(Write("offline/README", kOfflineReadme));
    BIRTHMARK_RETURN_IF_ERROR(Write("trust/root.pem", root_pem_));

    struct Issuer {
      absl::string_view id;
      const char* common_name;
      absl::Duration validity;
    };
    std::string all_pem;
    for (const Issuer& issuer :
         {Issuer{"idevid", "IDevID Issuer 1", absl::InfiniteDuration()},
          Issuer{"ldevid", "LDevID Issuer 1", kIssuerValidity},
          Issuer{"internal", "Internal Issuer 1", kIssuerValidity}}) {
      BIRTHMARK_ASSIGN_OR_RETURN(
          std::unique_ptr<keys::Signer> key,
          NewSealedKey("ca", issuer.id, crypto::KeyAlgorithm::kP256));
      BIRTHMARK_ASSIGN_OR_RETURN(
          Authority authority,
          ceremony_.MakeIssuer(root, std::move(key), issuer.common_name,
                               issuer.validity));
      const std::string pem = authority.certificate.ToPem();
      absl::StrAppend(&all_pem, pem);
      BIRTHMARK_RETURN_IF_ERROR(
          Write(absl::StrCat("trust/", issuer.id, ".pem"), pem));
      BIRTHMARK_RETURN_IF_ERROR(
          Write(absl::StrCat("trust/", issuer.id, ".chain.pem"),
                absl::StrCat(pem, root_pem_)));
      BIRTHMARK_RETURN_IF_ERROR(
          Write(absl::StrCat("ca/", issuer.id, ".chain.pem"),
                absl::StrCat(pem, root_pem_)));
      if (issuer.id == "internal") {
        internal_pem_ = pem;
        internal_ = std::make_unique<Authority>(std::move(authority));
      }
    }
    return Write("trust/issuers.pem", all_pem);
  }

  // A key and a certificate of the internal issuer: `file`.key, `file`.pem.
  absl::Status MakeIdentity(const std::string& file, const std::string& profile,
                            const policy::Subject& subject) {
    const auto found = profiles_.find(profile);
    if (found == profiles_.end()) {
      return absl::InternalError(absl::StrCat("no profile ", profile));
    }
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::unique_ptr<keys::LocalKey> key,
        keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
    const std::string key_path = Path(absl::StrCat(file, ".key"));
    BIRTHMARK_RETURN_IF_ERROR(FileError(key->Save(key_path), key_path));
    BIRTHMARK_ASSIGN_OR_RETURN(
        const x509::Certificate certificate,
        ceremony_.MakeLeaf(*internal_, found->second, options_.trust_domain,
                           options_.published, key->public_key().spki_der(),
                           subject));
    return Write(absl::StrCat(file, ".pem"),
                 absl::StrCat(certificate.ToPem(), internal_pem_));
  }

  absl::Status MakeService(absl::string_view file, absl::string_view service,
                           const std::vector<std::string>& roles) {
    policy::ServiceSubject subject;
    subject.service = std::string(service);
    for (const std::string& role : roles) {
      subject.dns_names.push_back(DnsName(options_, role));
    }
    return MakeIdentity(absl::StrCat("tls/", file), "service", subject);
  }

  absl::Status MakeOperator() {
    BIRTHMARK_RETURN_IF_ERROR(
        MakeIdentity("operator/operator", "operator",
                     policy::OperatorSubject{options_.operator_name}));
    BIRTHMARK_RETURN_IF_ERROR(Write("operator/roots.pem", root_pem_));
    return WriteConfig(absl::StrCat("operator/", kClientConfigFile),
                       OperatorConfig(options_));
  }

  absl::Status WriteConfig(const std::string& file,
                           const google::protobuf::Message& config) {
    return Write(file, absl::StrCat(kConfigHeader, config::Print(config)));
  }

  absl::Status WriteConfiguration() {
    std::vector<absl::string_view> processes(std::begin(kRoles),
                                             std::end(kRoles));
    processes.push_back(kAllRoles);
    for (const absl::string_view role : processes) {
      BIRTHMARK_RETURN_IF_ERROR(
          WriteConfig(absl::StrCat("config/", role, ".textproto"),
                      ServerConfigFor(options_, role, profile_ids_)));
    }
    BIRTHMARK_RETURN_IF_ERROR(
        WriteConfig("config/migrate.textproto", MigrateConfigFor()));
    std::vector<absl::string_view> databases(std::begin(kRoles),
                                             std::end(kRoles));
    databases.push_back("owner");
    for (const absl::string_view role : databases) {
      BIRTHMARK_RETURN_IF_ERROR(
          Write(absl::StrCat("db/", role, ".dsn"), Dsn(options_, role)));
    }
    return absl::OkStatus();
  }

  const DeploymentOptions& options_;
  Ceremony ceremony_;
  std::map<std::string, policy::Profile> profiles_;
  std::vector<std::string> profile_ids_;
  std::string root_pem_;
  std::string internal_pem_;
  std::unique_ptr<Authority> internal_;
};

absl::Status RequireEmptyFolder(const std::string& dir) {
  std::error_code error;
  const std::filesystem::file_status status =
      std::filesystem::status(dir, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return FileError(CreatePrivateDirectory(dir), dir);
  }
  if (!std::filesystem::is_directory(status) ||
      !std::filesystem::is_empty(dir, error) || error) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kFolderNotEmpty,
        absl::StrCat(dir, " is not an empty folder; nothing was changed"),
        {{"path", dir}});
  }
  std::filesystem::permissions(dir, std::filesystem::perms::owner_all, error);
  return FileError(CreatePrivateDirectory(dir), dir);
}

void Empty(const std::string& dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    std::filesystem::remove_all(entry.path(), error);
  }
}

}  // namespace

absl::Status MakeDeployment(const DeploymentOptions& options, Clock& clock) {
  BIRTHMARK_RETURN_IF_ERROR(RequireEmptyFolder(options.dir));
  const absl::Status status = DeploymentMaker(options, clock).Make();
  if (!status.ok()) {
    Empty(options.dir);
  }
  return status;
}

}  // namespace birthmark::cli
