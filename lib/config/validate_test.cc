#include "lib/config/validate.h"

#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/config/textproto.h"

namespace birthmark::config {
namespace {

using ::birthmark::StatusIs;
using ::testing::HasSubstr;

constexpr char kServer[] = R"(
  trust_domain: "birthmark.example"
  listen_address: "127.0.0.1:0"
  identity { certificate_file: "c" private_key_file: "k" }
  trust {
    roots_file: "r" internal_issuer_file: "i"
    idevid_issuer_file: "d" ldevid_issuer_file: "l"
  }
  ca {
    database { dsn_file: "dsn" }
    kek_file: "kek"
    issuers { id: "idevid" sealed_key_file: "s" certificate_file: "c" }
    profile_files: "p"
    crl_base_url: "http://crl.example/crl"
    ocsp_url: "http://status.example/ocsp"
    ca_issuers_base_url: "http://status.example/ca"
    crl_shard_size: 5000
  }
  registration { database { dsn_file: "dsn" } profile_files: "p" }
  inventory { database { dsn_file: "dsn" } }
  status {
    database { dsn_file: "dsn" }
    http_address: "127.0.0.1:8080"
    issuers { id: "idevid" certificate_file: "c" }
  }
)";

v1::ServerConfig Server() {
  v1::ServerConfig config;
  EXPECT_OK(ParseInto(kServer, "test", config));
  return config;
}

TEST(ValidateTest, ACompleteServerConfigIsFine) {
  EXPECT_OK(Validate(Server()));
}

struct Case {
  const char* name;
  void (*spoil)(v1::ServerConfig&);
  const char* want;
};

class SpoiledTest : public ::testing::TestWithParam<Case> {};

TEST_P(SpoiledTest, NamesTheFieldThatIsWrong) {
  v1::ServerConfig config = Server();
  GetParam().spoil(config);
  const absl::Status status = Validate(config);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    All, SpoiledTest,
    ::testing::Values(
        Case{"NoTrustDomain", [](auto& c) { c.clear_trust_domain(); },
             "trust_domain: required"},
        Case{"UpperCaseTrustDomain",
             [](auto& c) { c.set_trust_domain("Acme"); }, "trust_domain: must"},
        Case{"NoAddress", [](auto& c) { c.clear_listen_address(); },
             "listen_address: required"},
        Case{"PortTooLarge",
             [](auto& c) { c.set_listen_address("localhost:65536"); },
             "listen_address: expected"},
        Case{"SocketPathTooLong",
             [](auto& c) {
               c.set_listen_address("unix:/" + std::string(107, 'a'));
             },
             "listen_address: the path"},
        Case{"NoKey",
             [](auto& c) { c.mutable_identity()->clear_private_key_file(); },
             "identity.private_key_file: required"},
        Case{"NoRoots", [](auto& c) { c.mutable_trust()->clear_roots_file(); },
             "trust.roots_file: required"},
        Case{"NegativeThreads",
             [](auto& c) { c.mutable_limits()->set_worker_threads(-1); },
             "limits.worker_threads: must be 0"},
        Case{"NegativeDrain",
             [](auto& c) {
               c.mutable_limits()->mutable_drain_timeout()->set_seconds(-1);
             },
             "limits.drain_timeout.seconds"},
        Case{"TelemetryOnASocket",
             [](auto& c) { c.set_telemetry_address("unix:/x"); },
             "telemetry_address"},
        Case{"NoRole",
             [](auto& c) {
               c.clear_ca();
               c.clear_registration();
               c.clear_inventory();
               c.clear_status();
             },
             "no role"},
        Case{"RegistrationWithoutCa", [](auto& c) { c.clear_ca(); },
             "registration.ca: required unless"},
        Case{"UnknownArithmetic",
             [](auto& c) {
               c.mutable_registration()->set_arithmetic(
                   static_cast<v1::Arithmetic>(9));
             },
             "registration.arithmetic"},
        Case{
            "IssuerTwice",
            [](auto& c) { *c.mutable_ca()->add_issuers() = c.ca().issuers(0); },
            "ca.issuers[1].id: \"idevid\" is there twice"},
        Case{"BadIssuerId",
             [](auto& c) { c.mutable_ca()->mutable_issuers(0)->set_id("A"); },
             "ca.issuers[0].id"},
        Case{"NoProfiles",
             [](auto& c) { c.mutable_ca()->clear_profile_files(); },
             "ca.profile_files"},
        Case{"CrlUrlWithSlash",
             [](auto& c) { c.mutable_ca()->set_crl_base_url("http://x/"); },
             "ca.crl_base_url"},
        Case{"CrlUrlWithSpace",
             [](auto& c) { c.mutable_ca()->set_crl_base_url("http://x/ y"); },
             "ca.crl_base_url"},
        Case{"OcspOverHttps",
             [](auto& c) { c.mutable_ca()->set_ocsp_url("https://x/ocsp"); },
             "ca.ocsp_url"},
        Case{
            "CaIssuersWithoutHost",
            [](auto& c) { c.mutable_ca()->set_ca_issuers_base_url("http://"); },
            "ca.ca_issuers_base_url"},
        Case{"NegativeShardSize",
             [](auto& c) { c.mutable_ca()->set_crl_shard_size(-1); },
             "ca.crl_shard_size: must be 0"},
        Case{"StatusWithoutCa",
             [](auto& c) {
               c.clear_ca();
               c.clear_registration();
               c.clear_inventory();
             },
             "status.ca: required unless"},
        Case{"StatusWithoutDsn",
             [](auto& c) {
               c.mutable_status()->mutable_database()->clear_dsn_file();
             },
             "status.database.dsn_file: required"},
        Case{"StatusWithoutHttp",
             [](auto& c) { c.mutable_status()->clear_http_address(); },
             "status.http_address: required"},
        Case{"StatusHttpOnASocket",
             [](auto& c) { c.mutable_status()->set_http_address("unix:/x"); },
             "status.http_address: must be host:port"},
        Case{"StatusWithoutIssuers",
             [](auto& c) { c.mutable_status()->clear_issuers(); },
             "status.issuers: at least one"},
        Case{"StatusIssuerTwice",
             [](auto& c) {
               *c.mutable_status()->add_issuers() = c.status().issuers(0);
             },
             "status.issuers[1].id: \"idevid\" is there twice"},
        Case{"StatusIssuerWithoutCertificate",
             [](auto& c) {
               c.mutable_status()->mutable_issuers(0)->clear_certificate_file();
             },
             "status.issuers[0].certificate_file: required"},
        Case{"OcspLifetimeTooLong",
             [](auto& c) {
               c.mutable_status()->mutable_ocsp_lifetime()->set_seconds(8 *
                                                                        86400);
             },
             "status.ocsp_lifetime.seconds"},
        Case{"NegativeCrlInterval",
             [](auto& c) {
               c.mutable_status()->mutable_crl_interval()->set_seconds(-1);
             },
             "status.crl_interval.seconds"},
        Case{"CacheTooLarge",
             [](auto& c) { c.mutable_status()->set_ocsp_cache_mib(1 << 20); },
             "status.ocsp_cache_mib"},
        Case{"NegativeConnections",
             [](auto& c) { c.mutable_status()->set_connections(-1); },
             "status.connections"},
        Case{"NegativeThreshold",
             [](auto& c) {
               c.mutable_registration()->set_revocation_approval_threshold(-1);
             },
             "registration.revocation_approval_threshold"},
        Case{"InventoryWithoutCa",
             [](auto& c) {
               c.clear_ca();
               c.clear_registration();
               c.clear_status();
             },
             "inventory.ca: required"},
        Case{"InventoryWithHalfAnEndpoint",
             [](auto& c) {
               c.mutable_inventory()->mutable_ca()->set_address("host:1");
             },
             "inventory.ca.server_name"},
        Case{"NegativeDeviceThreshold",
             [](auto& c) {
               c.mutable_inventory()->set_device_approval_threshold(-1);
             },
             "inventory.device_approval_threshold"},
        Case{"NoDsn",
             [](auto& c) {
               c.mutable_inventory()->mutable_database()->clear_dsn_file();
             },
             "inventory.database.dsn_file: required"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ValidateTest, AClientNeedsRootsAndWholeEndpoints) {
  v1::ClientConfig config;
  EXPECT_THAT(Validate(config), StatusIs(absl::StatusCode::kInvalidArgument));
  config.set_roots_file("r");
  EXPECT_OK(Validate(config));
  config.mutable_registration()->set_address("127.0.0.1:1");
  EXPECT_THAT(Validate(config), StatusIs(absl::StatusCode::kInvalidArgument));
  config.mutable_registration()->set_server_name("registration");
  EXPECT_OK(Validate(config));
}

TEST(ValidateTest, LoadingResolvesPathsAndNamesTheFileInErrors) {
  const std::string path = ::testing::TempDir() + "/s.textproto";
  ASSERT_OK(WriteFileAtomically(path, kServer, 0600));
  ASSERT_OK_AND_ASSIGN(const auto config, LoadServerConfig(path));
  EXPECT_EQ(config.ca().kek_file(), ResolvePath(path, "kek"));
  ASSERT_OK(WriteFileAtomically(path, "trust_domain: \"t\"", 0600));
  const auto spoiled = LoadServerConfig(path);
  EXPECT_THAT(spoiled, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(spoiled.status().message()), HasSubstr(path));
}

TEST(ReadSecretLineTest, TakesOneLineFromAPrivateFile) {
  const std::string path = ::testing::TempDir() + "/dsn";
  ASSERT_OK(WriteFileAtomically(path, "host=/run dbname=x\n", 0600));
  ASSERT_OK_AND_ASSIGN(const std::string line, ReadSecretLine(path));
  EXPECT_EQ(line, "host=/run dbname=x");
}

TEST(ReadSecretLineTest, RefusesAFileThatOthersMayRead) {
  const std::string path = ::testing::TempDir() + "/open_dsn";
  ASSERT_OK(WriteFileAtomically(path, "password=swordfish\n", 0644));
  const auto line = ReadSecretLine(path);
  EXPECT_THAT(line, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(line.status().message()), HasSubstr("chmod 600"));
}

TEST(ReadSecretLineTest, RefusesSeveralLinesAndDoesNotRepeatThem) {
  const std::string path = ::testing::TempDir() + "/two";
  ASSERT_OK(WriteFileAtomically(path, "swordfish\nmore\n", 0600));
  const auto line = ReadSecretLine(path);
  EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(line.status().message()),
              ::testing::Not(HasSubstr("swordfish")));
}

}  // namespace
}  // namespace birthmark::config
