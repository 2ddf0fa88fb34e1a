#include "lib/config/textproto.h"

#include "birthmark/config/v1/server_config.pb.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"

namespace birthmark::config {
namespace {

using ::birthmark::StatusIs;
using ::testing::HasSubstr;

TEST(TextprotoTest, AFileComesBackAsItsMessage) {
  const std::string path = ::testing::TempDir() + "/server.textproto";
  ASSERT_OK(WriteFileAtomically(path,
                                "# comment\ntrust_domain: \"t.example\"\n"
                                "limits { worker_threads: 3 }\n",
                                0600));
  ASSERT_OK_AND_ASSIGN(const auto config, Load<v1::ServerConfig>(path));
  EXPECT_EQ(config.trust_domain(), "t.example");
  EXPECT_EQ(config.limits().worker_threads(), 3);
}

TEST(TextprotoTest, AnUnknownFieldIsNamedWithLineAndColumn) {
  v1::ServerConfig config;
  const absl::Status status = ParseInto(
      "trust_domain: \"t\"\n  skip_audit: true\n", "a.textproto", config);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a.textproto:2:"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("skip_audit"));
  EXPECT_EQ(config.trust_domain(), "");
}

TEST(TextprotoTest, AFieldGivenTwiceIsRefused) {
  v1::ServerConfig config;
  EXPECT_THAT(ParseInto("trust_domain: \"a\" trust_domain: \"b\"", "x", config),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TextprotoTest, AMissingFileIsNotFound) {
  EXPECT_THAT(Load<v1::ServerConfig>("/nonexistent/x.textproto"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(TextprotoTest, WhatIsPrintedCanBeParsed) {
  v1::ServerConfig config;
  config.set_trust_domain("bücher \"x\"\n");
  config.mutable_ca()->add_profile_files("p");
  v1::ServerConfig again;
  ASSERT_OK(ParseInto(Print(config), "printed", again));
  EXPECT_EQ(again.SerializeAsString(), config.SerializeAsString());
}

TEST(TextprotoTest, PathsAreRelativeToTheFile) {
  struct Case {
    const char* config;
    const char* path;
    const char* want;
  };
  for (const Case& c : {Case{"/etc/b/c.textproto", "k.pem", "/etc/b/k.pem"},
                        Case{"/etc/b/c.textproto", "../k", "/etc/b/../k"},
                        Case{"/etc/b/c.textproto", "/k.pem", "/k.pem"},
                        Case{"/etc/b/c.textproto", "", ""},
                        Case{"/etc/c", "unix:run/s", "unix:/etc/run/s"},
                        Case{"/etc/c", "unix:/run/s", "unix:/run/s"},
                        Case{"c.textproto", "k.pem", "k.pem"},
                        Case{"d/c.textproto", "k.pem", "d/k.pem"}}) {
    EXPECT_EQ(ResolvePath(c.config, c.path), c.want) << c.config << c.path;
  }
}

TEST(TextprotoTest, EveryFileFieldIsResolvedAndNothingElse) {
  v1::ServerConfig config;
  config.set_trust_domain("t.example");
  config.set_listen_address("unix:s.sock");
  config.set_telemetry_address("127.0.0.1:1");
  config.mutable_identity()->set_private_key_file("k.pem");
  config.mutable_registration()->set_revocation_journal_dir("j");
  config.mutable_ca()->add_profile_files("a");
  config.mutable_ca()->add_profile_files("/b");
  config.mutable_ca()->add_issuers()->set_sealed_key_file("i");
  config.mutable_ca()->mutable_issuers(0)->set_id("idevid");
  ResolveFilePaths("/etc/b/c.textproto", config);
  EXPECT_EQ(config.trust_domain(), "t.example");
  EXPECT_EQ(config.listen_address(), "unix:/etc/b/s.sock");
  EXPECT_EQ(config.telemetry_address(), "127.0.0.1:1");
  EXPECT_EQ(config.identity().private_key_file(), "/etc/b/k.pem");
  EXPECT_EQ(config.registration().revocation_journal_dir(), "/etc/b/j");
  EXPECT_EQ(config.ca().profile_files(0), "/etc/b/a");
  EXPECT_EQ(config.ca().profile_files(1), "/b");
  EXPECT_EQ(config.ca().issuers(0).sealed_key_file(), "/etc/b/i");
  EXPECT_EQ(config.ca().issuers(0).id(), "idevid");
}

}  // namespace
}  // namespace birthmark::config
