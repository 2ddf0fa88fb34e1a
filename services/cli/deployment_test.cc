#include "services/cli/deployment.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/config/profile_loader.h"
#include "lib/config/validate.h"
#include "lib/keys/kek.h"
#include "lib/keys/local_key.h"
#include "lib/keys/sealed_file.h"
#include "lib/x509/certificate.h"
#include "lib/x509/chain.h"
#include "lib/x509/oid.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;

class DeploymentTest : public testing::Test {
 protected:
  DeploymentTest() {
    // Short, since the path of a Unix socket may have 107 characters.
    std::string parent = "/tmp/bm.XXXXXX";
    EXPECT_NE(mkdtemp(parent.data()), nullptr);
    parent_ = parent;
    options_.dir = parent_ + "/home";
    options_.trust_domain = "birthmark.test";
    options_.operator_name = "admin";
    options_.listen_host = "127.0.0.1";
    options_.base_port = 8441;
    options_.http_port = 10441;
    options_.database_host = "/run/pg";
    options_.database_name = "birthmark";
  }

  ~DeploymentTest() override { std::filesystem::remove_all(parent_); }

  std::string Path(const std::string& name) const {
    return options_.dir + "/" + name;
  }

  std::vector<x509::Certificate> Certificates(const std::string& name) const {
    return *x509::Certificate::ParsePem(*ReadFile(Path(name)));
  }

  // Verifies the first certificate of a file and checks that it fits its key.
  x509::Certificate VerifyLeaf(const std::string& stem,
                               absl::string_view usage) {
    const auto certificates = Certificates(stem + ".pem");
    x509::ChainOptions options;
    options.at_time = clock_.Now();
    options.required_eku = usage;
    EXPECT_OK(x509::VerifyChain(certificates[0],
                                Certificates("trust/internal.pem"),
                                Certificates("trust/root.pem"), options));
    const auto key = keys::LocalKey::Load(Path(stem + ".key"));
    EXPECT_THAT(key, IsOk());
    EXPECT_EQ((*key)->public_key(), certificates[0].public_key());
    return certificates[0];
  }

  std::string parent_;
  FakeClock clock_;
  DeploymentOptions options_;
};

TEST_F(DeploymentTest, CertificatesChainToTheRootAndFitTheirKeys) {
  ASSERT_OK(MakeDeployment(options_, clock_));
  EXPECT_EQ(Certificates("trust/issuers.pem").size(), 3u);
  const x509::Certificate service =
      VerifyLeaf("tls/registration", x509::oids::kServerAuth);
  EXPECT_THAT(service->subject_alt_names.uris,
              ElementsAre("spiffe://birthmark.test/service/registration"));
  EXPECT_THAT(service->subject_alt_names.dns_names,
              ElementsAre("registration.birthmark.test"));
  VerifyLeaf("tls/ca", x509::oids::kServerAuth);
  VerifyLeaf("tls/inventory", x509::oids::kServerAuth);
  const x509::Certificate status =
      VerifyLeaf("tls/status", x509::oids::kServerAuth);
  EXPECT_THAT(status->subject_alt_names.uris,
              ElementsAre("spiffe://birthmark.test/service/status"));
  const x509::Certificate all =
      VerifyLeaf("tls/birthmarkd", x509::oids::kServerAuth);
  EXPECT_THAT(all->subject_alt_names.uris,
              ElementsAre("spiffe://birthmark.test/service/registration"));
  EXPECT_EQ(all->subject_alt_names.dns_names.size(), 4u);
  const x509::Certificate person =
      VerifyLeaf("operator/operator", x509::oids::kClientAuth);
  EXPECT_THAT(person->subject_alt_names.uris,
              ElementsAre("spiffe://birthmark.test/operator/admin"));
}

TEST_F(DeploymentTest, IssuerKeysOpenWithTheKekAndFitTheirCertificates) {
  ASSERT_OK(MakeDeployment(options_, clock_));
  ASSERT_OK_AND_ASSIGN(const auto kek, keys::LoadKek(Path("ca/kek")));
  for (const std::string id : {"idevid", "ldevid", "internal"}) {
    ASSERT_OK_AND_ASSIGN(
        const auto signer,
        keys::FileSigner::Open(Path("ca/" + id + ".sealed"), id, kek));
    const auto chain = Certificates("ca/" + id + ".chain.pem");
    ASSERT_EQ(chain.size(), 2u);
    EXPECT_EQ(chain[0].public_key(), signer->public_key());
    EXPECT_EQ(chain[1]->der, Certificates("trust/root.pem")[0]->der);
  }
  // The root key opens with its own key-encryption key alone.
  EXPECT_THAT(keys::FileSigner::Open(Path("offline/root.sealed"), "root", kek),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const auto offline, keys::LoadKek(Path("offline/kek")));
  EXPECT_OK(
      keys::FileSigner::Open(Path("offline/root.sealed"), "root", offline));
}

TEST_F(DeploymentTest, EveryConfigurationLoadsAndItsFilesExist) {
  ASSERT_OK(MakeDeployment(options_, clock_));
  for (const std::string role :
       {"birthmarkd", "ca", "registration", "inventory", "status"}) {
    ASSERT_OK_AND_ASSIGN(
        const auto config,
        config::LoadServerConfig(Path("config/" + role + ".textproto")));
    for (const std::string& file :
         {config.identity().certificate_file(), config.trust().roots_file(),
          config.trust().internal_issuer_file()}) {
      EXPECT_TRUE(std::filesystem::exists(file)) << file;
    }
    EXPECT_EQ(config.has_ca(), role == "ca" || role == "birthmarkd");
    EXPECT_EQ(config.has_registration(),
              role == "registration" || role == "birthmarkd");
    EXPECT_EQ(config.registration().has_ca(), role == "registration");
    EXPECT_EQ(config.inventory().has_ca(), role == "inventory");
    for (const std::string& profile : config.registration().profile_files()) {
      EXPECT_OK(config::LoadProfile(profile));
    }
    for (const auto& issuer : config.ca().issuers()) {
      EXPECT_TRUE(std::filesystem::exists(issuer.certificate_file()));
    }
    EXPECT_EQ(config.has_status(), role == "status" || role == "birthmarkd");
    EXPECT_EQ(config.status().has_ca(), role == "status");
    EXPECT_EQ(config.status().issuers_size(), config.has_status() ? 3 : 0);
    for (const auto& issuer : config.status().issuers()) {
      EXPECT_TRUE(std::filesystem::exists(issuer.certificate_file()));
    }
    if (config.has_status()) {
      EXPECT_EQ(config.status().http_address(), "127.0.0.1:10441");
    }
    if (config.has_registration()) {
      EXPECT_TRUE(std::filesystem::is_directory(
          config.registration().revocation_journal_dir()));
    }
  }
  ASSERT_OK_AND_ASSIGN(
      const auto migrate,
      config::LoadMigrateConfig(Path("config/migrate.textproto")));
  EXPECT_EQ(migrate.certificates_size(), 10);
  for (const auto& recorded : migrate.certificates()) {
    EXPECT_TRUE(std::filesystem::exists(recorded.certificate_file()));
  }
  ASSERT_OK_AND_ASSIGN(
      const auto client,
      config::LoadClientConfig(Path("operator/client.textproto")));
  EXPECT_EQ(client.registration().address(), "127.0.0.1:8441");
  EXPECT_EQ(client.inventory().address(), "127.0.0.1:8442");
}

TEST_F(DeploymentTest, CertificatesPointToWhereTheirStatusIsPublished) {
  options_.published = {.crl_base_url = "http://s.example/crl",
                        .ocsp_url = "http://s.example/ocsp",
                        .ca_issuers_base_url = "http://s.example/ca"};
  ASSERT_OK(MakeDeployment(options_, clock_));
  const x509::Certificate service = Certificates("tls/ca.pem")[0];
  EXPECT_THAT(service->crl_uris,
              ElementsAre("http://s.example/crl/internal/0.crl"));
  EXPECT_THAT(service->ocsp_uris, ElementsAre("http://s.example/ocsp"));
  EXPECT_THAT(service->ca_issuer_uris,
              ElementsAre("http://s.example/ca/internal.cer"));
  ASSERT_OK_AND_ASSIGN(const auto ca,
                       config::LoadServerConfig(Path("config/ca.textproto")));
  EXPECT_EQ(ca.ca().crl_base_url(), "http://s.example/crl");
  EXPECT_EQ(ca.ca().ocsp_url(), "http://s.example/ocsp");
  EXPECT_EQ(ca.ca().ca_issuers_base_url(), "http://s.example/ca");
}

TEST_F(DeploymentTest, OneProcessIsReachedAtOneAddress) {
  options_.one_process = true;
  options_.sockets = true;
  ASSERT_OK(MakeDeployment(options_, clock_));
  ASSERT_OK_AND_ASSIGN(
      const auto client,
      config::LoadClientConfig(Path("operator/client.textproto")));
  const std::string address =
      absl::StrCat("unix:", Path("run/birthmarkd.sock"));
  EXPECT_EQ(client.registration().address(), address);
  EXPECT_EQ(client.inventory().address(), address);
  EXPECT_EQ(client.inventory().server_name(), "inventory.birthmark.test");
  ASSERT_OK_AND_ASSIGN(
      const auto server,
      config::LoadServerConfig(Path("config/birthmarkd.textproto")));
  EXPECT_EQ(server.listen_address(), address);
}

TEST_F(DeploymentTest, TheOrganisationIsInProfilesAndCertificates) {
  options_.organization = "Example \"GmbH\"";
  ASSERT_OK(MakeDeployment(options_, clock_));
  ASSERT_OK_AND_ASSIGN(const auto idevid,
                       config::LoadProfile(Path("profiles/idevid.textproto")));
  EXPECT_EQ(idevid.organization, options_.organization);
  ASSERT_OK_AND_ASSIGN(const auto ldevid,
                       config::LoadProfile(Path("profiles/ldevid.textproto")));
  EXPECT_EQ(ldevid.organization, "");
  EXPECT_EQ(
      Certificates("trust/root.pem")[0]->subject.Get(x509::oids::kOrganization),
      options_.organization);
}

TEST_F(DeploymentTest, NothingIsOpenToOthers) {
  ASSERT_OK(MakeDeployment(options_, clock_));
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(options_.dir)) {
    struct stat info;
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0u) << entry.path();
  }
}

TEST_F(DeploymentTest, AFolderWithSomethingInItIsLeftAlone) {
  std::filesystem::create_directories(options_.dir);
  ASSERT_OK(WriteNewFile(Path("precious"), "x", 0600));
  EXPECT_THAT(MakeDeployment(options_, clock_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kFolderNotEmpty));
  EXPECT_THAT(ReadFile(Path("precious")), IsOkAndHolds("x"));
  EXPECT_FALSE(std::filesystem::exists(Path("trust")));
}

TEST_F(DeploymentTest, AFailureLeavesTheFolderEmpty) {
  options_.trust_domain = "Not A Domain";
  EXPECT_FALSE(MakeDeployment(options_, clock_).ok());
  EXPECT_TRUE(std::filesystem::is_empty(options_.dir));
}

}  // namespace
}  // namespace birthmark::cli
