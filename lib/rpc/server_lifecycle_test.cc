#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "lib/base/file.h"
#include "lib/rpc/server_testing.h"
#include "lib/x509/reasons.h"

namespace birthmark::rpc {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, ANewServerCertificateIsUsedWithoutARestart) {
  Start();
  const auto old = Connect(operator_.files);
  EXPECT_OK(Get(*old, "fleets/a"));
  const auto renewed = pki_.Issue(
      "renewed",
      {.uri = "spiffe://test.example/service/inventory", .dns = "renewed"});
  ASSERT_OK_AND_ASSIGN(const std::string key,
                       ReadFile(renewed.files.private_key));
  ASSERT_OK_AND_ASSIGN(const std::string certificate,
                       ReadFile(renewed.files.certificate));
  // First half of the replacement: a key without its certificate harms nobody.
  ASSERT_OK(WriteFileAtomically(identity_.private_key, key, 0600));
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_OK(Get(*Connect(operator_.files), "fleets/a"));
  ASSERT_OK(WriteFileAtomically(identity_.certificate, certificate, 0644));
  absl::Status status;
  for (int i = 0; i < 50; ++i) {
    status = Get(*Connect(operator_.files, "", "renewed"), "fleets/a").status();
    if (status.ok()) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_OK(status);
  EXPECT_OK(Get(*old, "fleets/a"));  // the connection that stands goes on
}

TEST_F(ServerTest, NewTrustIsUsedWithoutARestart) {
  Start();
  const auto before = Connect(operator_.files);
  EXPECT_OK(Get(*before, "fleets/a"));
  TestPki replaced(MakeTestDirectory());
  ASSERT_OK_AND_ASSIGN(const std::string roots,
                       ReadFile(replaced.trust().roots));
  ASSERT_OK_AND_ASSIGN(const std::string issuer,
                       ReadFile(replaced.trust().internal_issuer));
  ASSERT_OK_AND_ASSIGN(const std::string old_roots,
                       ReadFile(pki_.trust().roots));
  ASSERT_OK(WriteFileAtomically(pki_.trust().internal_issuer, issuer, 0644));
  ASSERT_OK(WriteFileAtomically(pki_.trust().roots, old_roots + roots, 0644));
  const auto channel = Connect(replaced.Operator("bob").files);
  absl::Status status;
  for (int i = 0; i < 50 && !(status = Get(*channel, "a").status()).ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_OK(status);
  EXPECT_THAT(Get(*before, "fleets/a"),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateUnknown));
}

TEST_F(ServerTest, ShutdownFinishesWhatIsInFlightAndTakesNothingNew) {
  Start();
  const auto channel = Connect(operator_.files);
  absl::Status in_flight = absl::UnknownError("not run");
  std::thread caller([&] { in_flight = Get(*channel, kSlow).status(); });
  AwaitWaiting(1);
  std::thread stopper([&] { server_->Shutdown(absl::Seconds(20)); });
  const auto late = Connect(operator_.files);
  absl::Status status;
  while ((status = Get(*late, "fleets/a").status()).ok()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  release_.Open();
  caller.join();
  stopper.join();
  EXPECT_OK(in_flight);
}

TEST_F(ServerTest, ShutdownCutsOffWhatDoesNotFinishInTime) {
  Start();
  const auto channel = Connect(operator_.files);
  absl::Status in_flight;
  std::thread caller([&] { in_flight = Get(*channel, kSlow).status(); });
  AwaitWaiting(1);
  std::thread releaser([&] {
    caller.join();  // the caller is told before the handler has come back
    release_.Open();
  });
  server_->Shutdown(absl::Milliseconds(200));
  releaser.join();
  EXPECT_THAT(in_flight, ::testing::Not(IsOk()));
}

TEST_F(ServerTest, AClientReconnectsWhenTheServerComesBack) {
  Start();
  const auto channel = Connect(operator_.files);
  EXPECT_OK(Get(*channel, "fleets/a"));
  server_.reset();
  const auto gone = Get(*Connect(operator_.files, Socket()), "fleets/a");
  EXPECT_THAT(gone, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(gone.status().message()),
              HasSubstr("nothing listens there"));
  Start();
  absl::Status status;
  for (int i = 0; i < 50; ++i) {
    status = Get(*channel, "fleets/a").status();
    if (status.ok()) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_OK(status);
}

TEST_F(ServerTest, AnAddressThatIsTakenIsUnavailable) {
  Start({.listen_addresses = {"127.0.0.1:0", Socket()}});
  for (const std::string& address : server_->addresses()) {
    const auto second =
        Server::Start({.listen_addresses = {address}, .identity = identity_},
                      router_, *authenticator_);
    EXPECT_THAT(second, StatusIs(absl::StatusCode::kUnavailable)) << address;
  }
  EXPECT_OK(Get(*Connect(operator_.files, Socket()), "fleets/a"));
}

TEST_F(ServerTest, ASocketThatADeadServerLeftIsReplacedAndAFileIsNot) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ + "/s";
  std::strcpy(address.sun_path, path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  close(fd);
  Start();
  EXPECT_OK(Get(*Connect(operator_.files), "fleets/a"));

  ASSERT_OK(WriteFileAtomically(directory_ + "/file", "precious", 0600));
  EXPECT_THAT(
      Server::Start({.listen_addresses = {"unix:" + directory_ + "/file"},
                     .identity = identity_},
                    router_, *authenticator_),
      StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ReadFile(directory_ + "/file"), IsOkAndHolds("precious"));
}

TEST_F(ServerTest, AKeyThatOthersMayReadOrThatDoesNotFitIsRefused) {
  EXPECT_THAT(
      CheckIdentity({identity_.certificate, operator_.files.private_key}),
      StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_EQ(chmod(operator_.files.private_key.c_str(), 0644), 0);
  EXPECT_THAT(CheckIdentity(operator_.files),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CheckIdentity({directory_ + "/none", identity_.private_key}),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace birthmark::rpc
