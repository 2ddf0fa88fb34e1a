#include "lib/rpc/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/byte_buffer.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/grpc_channel.h"
#include "lib/rpc/test_pki.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/reasons.h"

namespace birthmark::rpc {
namespace {

using fleet::v1::Fleet;
using fleet::v1::GetFleetRequest;
using ::testing::HasSubstr;

constexpr char kGetFleet[] = "birthmark.fleet.v1.FleetService.GetFleet";
constexpr char kListFleets[] = "birthmark.fleet.v1.FleetService.ListFleets";
constexpr char kSlow[] = "fleets/slow";

// Latch is opened once.
class Latch {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    wake_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool open_ = false;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest()
      : directory_(MakeTestDirectory()),
        pki_(directory_),
        identity_(pki_.Service("inventory").files),
        operator_(pki_.Operator("alice")) {
    router_.AddService(*Fleet::descriptor()->file()->service(0));
    router_.Unary<GetFleetRequest, Fleet>(
        kGetFleet,
        [this](const CallContext& context,
               const GetFleetRequest& request) -> absl::StatusOr<Fleet> {
          ++handled_;
          if (request.name() == kSlow) {
            ++waiting_;
            release_.Wait();
          }
          if (request.name().empty()) {
            return MakeError(absl::StatusCode::kNotFound,
                             reasons::kFleetNotFound, "there is no fleet",
                             {{"resource", request.name()}});
          }
          Fleet fleet;
          fleet.set_name(request.name());
          fleet.set_display_name(context.caller().actor);
          return fleet;
        });
  }

  ~ServerTest() override { release_.Open(); }

  std::string Socket() const { return "unix:" + directory_ + "/s"; }

  void Start(ServerOptions options = {}) {
    if (options.listen_addresses.empty()) {
      options.listen_addresses = {Socket()};
    }
    options.identity = identity_;
    ASSERT_OK_AND_ASSIGN(
        authenticator_,
        Authenticator::New(TestPki::kTrustDomain, pki_.trust(), Clock::Real()));
    ASSERT_OK_AND_ASSIGN(server_,
                         Server::Start(options, router_, *authenticator_));
  }

  std::unique_ptr<GrpcChannel> Connect(
      const IdentityFiles& identity, const std::string& address = "",
      const std::string& server_name = "inventory") {
    auto channel = GrpcChannel::New(
        {.address = address.empty() ? server_->addresses()[0] : address,
         .server_name = server_name,
         .roots_file = pki_.trust().roots,
         .identity = identity});
    EXPECT_OK(channel);
    return channel.ok() ? *std::move(channel) : nullptr;
  }

  static absl::StatusOr<Fleet> Get(Channel& channel, const std::string& name,
                                   absl::Duration timeout = absl::Seconds(20)) {
    GetFleetRequest request;
    request.set_name(name);
    return channel.Unary<Fleet>(kGetFleet, request, timeout);
  }

  void AwaitWaiting(int count) const {
    while (waiting_ < count) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  const std::string directory_;
  TestPki pki_;
  const IdentityFiles identity_;
  const TestPki::Leaf operator_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics metrics_{registry_};
  std::string revoked_;  // a serial
  Router router_{{.status_gate =
                      [this](const Caller& caller) {
                        return caller.serial == revoked_
                                   ? MakeError(
                                         absl::StatusCode::kUnauthenticated,
                                         reasons::kCertificateRevoked,
                                         "revoked", {{"serial", caller.serial}})
                                   : absl::OkStatus();
                      }},
                 Clock::Real(),
                 metrics_};
  std::atomic<int> handled_{0};
  std::atomic<int> waiting_{0};
  Latch release_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Server> server_;
};

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
