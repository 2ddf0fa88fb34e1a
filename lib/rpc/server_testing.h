// server_testing is the server that the tests of this library talk to: a
// FleetService that echoes, over a socket, with certificates made on the spot.

#ifndef BIRTHMARK_LIB_RPC_SERVER_TESTING_H_
#define BIRTHMARK_LIB_RPC_SERVER_TESTING_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/grpc_channel.h"
#include "lib/rpc/server.h"
#include "lib/rpc/test_pki.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::rpc {

using fleet::v1::Fleet;
using fleet::v1::GetFleetRequest;
inline constexpr char kGetFleet[] = "birthmark.fleet.v1.FleetService.GetFleet";
inline constexpr char kSlow[] = "fleets/slow";

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
    router_.AddService(*fleet::v1::Fleet::descriptor()->file()->service(0));
    router_.Unary<fleet::v1::GetFleetRequest, fleet::v1::Fleet>(
        kGetFleet,
        [this](const CallContext& context,
               const fleet::v1::GetFleetRequest& request)
            -> absl::StatusOr<fleet::v1::Fleet> {
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
          fleet::v1::Fleet fleet;
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

  static absl::StatusOr<fleet::v1::Fleet> Get(
      Channel& channel, const std::string& name,
      absl::Duration timeout = absl::Seconds(20)) {
    fleet::v1::GetFleetRequest request;
    request.set_name(name);
    return channel.Unary<fleet::v1::Fleet>(kGetFleet, request, timeout);
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
                      [this](const Caller& caller, bool) {
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

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_SERVER_TESTING_H_
