#include "lib/rpc/server.h"

#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/byte_buffer.h"
#include "lib/rpc/server_testing.h"

namespace birthmark::rpc {
namespace {

using fleet::v1::Fleet;
using fleet::v1::GetFleetRequest;
using ::testing::HasSubstr;

constexpr char kListFleets[] = "birthmark.fleet.v1.FleetService.ListFleets";

TEST_F(ServerTest, TlsBelowOnePointThreeIsRefused) {
  Start({.listen_addresses = {"127.0.0.1:0"}});
  auto connect = [this](const std::string& version) {
    return std::system(
        absl::StrCat("openssl s_client -connect ", server_->addresses()[0], " ",
                     version, " -alpn h2 -cert ", operator_.files.certificate,
                     " -key ", operator_.files.private_key, " </dev/null >",
                     directory_, "/openssl.log 2>&1")
            .c_str());
  };
  EXPECT_EQ(connect("-tls1_3"), 0);
  EXPECT_NE(connect("-tls1_2"), 0);
}

TEST_F(ServerTest, ACallArrivesOverTcpAndOverASocket) {
  Start({.listen_addresses = {"127.0.0.1:0", Socket()}});
  ASSERT_EQ(server_->addresses().size(), 2u);
  EXPECT_NE(server_->addresses()[0], "127.0.0.1:0");
  for (const std::string& address : server_->addresses()) {
    const auto channel = Connect(operator_.files, address);
    ASSERT_OK_AND_ASSIGN(const Fleet fleet, Get(*channel, "fleets/a"));
    EXPECT_EQ(fleet.display_name(), "spiffe://test.example/operator/alice");
  }
}

TEST_F(ServerTest, AnErrorArrivesWithReasonAndMetadata) {
  Start();
  const auto channel = Connect(operator_.files);
  const auto fleet = Get(*channel, "");
  EXPECT_THAT(fleet,
              StatusIs(absl::StatusCode::kNotFound, reasons::kFleetNotFound));
  EXPECT_THAT(fleet, HasMetadata("resource", ""));
  EXPECT_EQ(fleet.status().message(), "there is no fleet");
}

TEST_F(ServerTest, ACallerOfTheWrongRoleIsDenied) {
  Start();
  const auto channel = Connect(pki_.Line("acme", "l1").files);
  const auto fleet = Get(*channel, "fleets/a");
  EXPECT_THAT(fleet, StatusIs(absl::StatusCode::kPermissionDenied,
                              reasons::kCallerNotAllowed));
  EXPECT_THAT(fleet, HasMetadata("method", kGetFleet));
  EXPECT_THAT(
      fleet, HasMetadata("caller", "spiffe://test.example/fleet/acme/line/l1"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, ACertificateOfAnotherDeploymentIsUnknown) {
  Start();
  TestPki other(MakeTestDirectory());
  const auto channel = Connect(other.Operator("alice").files);
  EXPECT_THAT(Get(*channel, "fleets/a"),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateUnknown));
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, AnExpiredCertificateIsNamedSo) {
  Start();
  const auto leaf =
      pki_.Issue("old", {.uri = "spiffe://test.example/operator/old",
                         .begin = -absl::Hours(2),
                         .end = -absl::Hours(1)});
  const auto channel = Connect(leaf.files);
  const auto fleet = Get(*channel, "fleets/a");
  EXPECT_THAT(fleet, StatusIs(absl::StatusCode::kUnauthenticated,
                              reasons::kCertificateExpired));
  EXPECT_THAT(fleet, HasMetadata("serial", leaf.serial));
}

TEST_F(ServerTest, ARevokedCertificateIsRefusedOnTheNextCall) {
  Start();
  const auto channel = Connect(operator_.files);
  EXPECT_OK(Get(*channel, "fleets/a"));
  revoked_ = operator_.serial;
  EXPECT_THAT(Get(*channel, "fleets/a"),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateRevoked));
}

TEST_F(ServerTest, WithoutAClientCertificateThereIsNoConnection) {
  Start();
  grpc::experimental::TlsChannelCredentialsOptions tls;
  tls.set_certificate_provider(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          pki_.trust().roots, 1));
  tls.watch_root_certs();
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("inventory");
  const auto channel = grpc::CreateCustomChannel(
      server_->addresses()[0], grpc::experimental::TlsCredentials(tls),
      arguments);
  // TLS 1.3 lets the client finish its handshake before the server has judged
  // the missing certificate: what counts is that no call gets through.
  grpc::ClientContext context;
  grpc::Slice empty;
  grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  const grpc::Status status = grpc::internal::BlockingUnaryCall(
      channel.get(),
      grpc::internal::RpcMethod("/birthmark.fleet.v1.FleetService/GetFleet",
                                grpc::internal::RpcMethod::NORMAL_RPC),
      &context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, AMethodThatIsNotServedIsUnimplemented) {
  Start();
  const auto channel = Connect(operator_.files);
  EXPECT_THAT(
      channel->Unary<fleet::v1::ListFleetsResponse>(
          kListFleets, fleet::v1::ListFleetsRequest()),
      StatusIs(absl::StatusCode::kUnimplemented, reasons::kMethodNotServed));
  EXPECT_THAT(
      channel->Unary<Fleet>("no.such.Service.Method", GetFleetRequest()),
      StatusIs(absl::StatusCode::kUnimplemented, reasons::kMethodNotServed));
}

TEST_F(ServerTest, AMessageThatIsTooLargeIsRefused) {
  Start({.message_bytes = 10'000});
  const auto channel = Connect(operator_.files);
  EXPECT_OK(Get(*channel, std::string(9'000, 'x')));
  EXPECT_THAT(Get(*channel, std::string(11'000, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(Get(*channel, "fleets/a"));
  EXPECT_EQ(handled_, 2);
}

TEST_F(ServerTest, BytesThatAreNoRequestAreInvalid) {
  Start();
  const auto channel = Connect(operator_.files);
  // GetFleetRequest has a string in field 1, which must be UTF-8.
  Fleet garbage;
  garbage.GetReflection()->MutableUnknownFields(&garbage)->AddLengthDelimited(
      1, "\xff\xfe");
  EXPECT_THAT(
      channel->Unary<Fleet>(kGetFleet, garbage),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, AFullServerSaysWhenToComeBack) {
  Start({.worker_threads = 1, .queued_calls = 2});
  const auto channel = Connect(operator_.files);
  std::vector<std::thread> callers;
  std::atomic<int> overloaded{0};
  std::atomic<int> ok{0};
  callers.emplace_back([&] { EXPECT_OK(Get(*channel, kSlow)); });
  AwaitWaiting(1);
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      const auto fleet = Get(*channel, "fleets/a");
      if (fleet.ok()) {
        ++ok;
        return;
      }
      EXPECT_THAT(fleet, StatusIs(absl::StatusCode::kResourceExhausted,
                                  reasons::kServerOverloaded));
      EXPECT_GT(GetErrorInfo(fleet.status())->retry_after,
                absl::ZeroDuration());
      ++overloaded;
    });
  }
  while (overloaded < 6) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  release_.Open();
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(overloaded + ok, 8);
  EXPECT_OK(Get(*channel, "fleets/a"));
}

TEST_F(ServerTest, ACallerDoesNotWaitBeyondItsDeadline) {
  Start();
  const auto channel = Connect(operator_.files);
  EXPECT_OK(Get(*channel, "fleets/a"));
  EXPECT_THAT(Get(*channel, kSlow, absl::Milliseconds(200)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(ServerTest, ACallWhoseDeadlinePassedInTheQueueIsNotRun) {
  Start({.worker_threads = 1});
  const auto channel = Connect(operator_.files);
  std::thread slow([&] { EXPECT_OK(Get(*channel, kSlow)); });
  AwaitWaiting(1);
  EXPECT_THAT(Get(*channel, "fleets/a", absl::Milliseconds(200)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  release_.Open();
  slow.join();
  EXPECT_OK(Get(*channel, "fleets/b"));
  EXPECT_EQ(handled_, 2);  // slow and b
}

TEST_F(ServerTest, AServerOfAnotherNameOrAnotherRootIsNotTalkedTo) {
  Start();
  const auto misnamed = Get(*Connect(operator_.files, "", "ca"), "fleets/a");
  EXPECT_THAT(misnamed, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(misnamed.status().message()),
              HasSubstr("for another name"));

  TestPki other(MakeTestDirectory());
  ASSERT_OK_AND_ASSIGN(const auto channel,
                       GrpcChannel::New({.address = server_->addresses()[0],
                                         .server_name = "inventory",
                                         .roots_file = other.trust().roots,
                                         .identity = operator_.files}));
  const auto untrusted = Get(*channel, "fleets/a");
  EXPECT_THAT(untrusted, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(untrusted.status().message()),
              HasSubstr("does not chain to the roots"));
}

TEST_F(ServerTest, HealthAnswersWhoeverShowsACertificate) {
  Start();
  grpc::experimental::TlsChannelCredentialsOptions tls;
  tls.set_certificate_provider(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          operator_.files.private_key, operator_.files.certificate,
          pki_.trust().roots, 1));
  tls.watch_root_certs();
  tls.watch_identity_key_cert_pairs();
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("inventory");
  const auto channel = grpc::CreateCustomChannel(
      server_->addresses()[0], grpc::experimental::TlsCredentials(tls),
      arguments);
  // HealthCheckResponse{status}: 1 is SERVING, 2 NOT_SERVING.
  auto check = [&channel]() -> std::string {
    grpc::ClientContext context;
    grpc::Slice empty;
    grpc::ByteBuffer request(&empty, 1);
    grpc::ByteBuffer response;
    const grpc::Status status = grpc::internal::BlockingUnaryCall(
        channel.get(),
        grpc::internal::RpcMethod("/grpc.health.v1.Health/Check",
                                  grpc::internal::RpcMethod::NORMAL_RPC),
        &context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    grpc::Slice bytes;
    EXPECT_TRUE(response.DumpToSingleSlice(&bytes).ok());
    return std::string(reinterpret_cast<const char*>(bytes.begin()),
                       bytes.size());
  };
  EXPECT_EQ(check(), "\x08\x01");
  server_->SetServing(false);
  EXPECT_EQ(check(), "\x08\x02");
}

TEST_F(ServerTest, CallsAreCounted) {
  Start();
  const auto channel = Connect(operator_.files);
  EXPECT_OK(Get(*channel, "fleets/a"));
  const auto unknown = channel->Unary<Fleet>("made.up.Name", GetFleetRequest());
  server_->Shutdown(absl::Seconds(5));
  EXPECT_THAT(registry_.Text(),
              HasSubstr("birthmark_rpc_calls_total{code=\"OK\",method=\"" +
                        std::string(kGetFleet) + "\"} 1"));
  EXPECT_THAT(registry_.Text(), HasSubstr("birthmark_rpc_in_flight{method=\"" +
                                          std::string(kGetFleet) + "\"} 0"));
  EXPECT_THAT(registry_.Text(), ::testing::Not(HasSubstr("made.up")));
}

TEST_F(ServerTest, ManyCallsAtOnceAllGetTheirAnswer) {
  Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const auto channel = Connect(operator_.files);
      for (int i = 0; i < 100; ++i) {
        const std::string name = absl::StrCat("fleets/", t, "-", i);
        const auto fleet = Get(*channel, name);
        ASSERT_OK(fleet);
        EXPECT_EQ(fleet->name(), name);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace birthmark::rpc
