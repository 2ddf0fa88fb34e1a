#include "lib/rpc/router.h"

#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/local_channel.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::rpc {
namespace {

using fleet::v1::Fleet;
using fleet::v1::GetFleetRequest;
using ::testing::HasSubstr;

constexpr char kGetFleet[] = "birthmark.fleet.v1.FleetService.GetFleet";
constexpr char kListFleets[] = "birthmark.fleet.v1.FleetService.ListFleets";

const google::protobuf::ServiceDescriptor& Service(const std::string& name) {
  return *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      name);
}

Caller CallerOf(options::v1::Role role) {
  return ServiceCaller(role, "test.example");
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    // The descriptors are linked in as soon as a message of the file is used.
    Fleet::descriptor();
    router_.AddService(Service("birthmark.fleet.v1.FleetService"));
    router_.Unary<GetFleetRequest, Fleet>(
        kGetFleet,
        [this](const CallContext& context,
               const GetFleetRequest& request) -> absl::StatusOr<Fleet> {
          ++calls_;
          deadline_ = context.deadline();
          if (request.name().empty()) {
            return MakeError(absl::StatusCode::kNotFound,
                             reasons::kFleetNotFound, "no fleet");
          }
          if (request.name() == "broken") {
            return absl::InternalError("pg: secret");
          }
          Fleet fleet;
          fleet.set_name(request.name());
          fleet.set_display_name(context.caller().actor);
          return fleet;
        });
  }

  absl::StatusOr<Fleet> Get(options::v1::Role role, const std::string& name) {
    LocalChannel channel(router_, CallerOf(role));
    GetFleetRequest request;
    request.set_name(name);
    return channel.Unary<Fleet>(kGetFleet, request, absl::Seconds(5));
  }

  FakeClock clock_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics metrics_{registry_};
  absl::Status gate_;
  bool open_to_decommissioning_ = false;  // what the gate was told last
  Router router_{{.status_gate =
                      [this](const Caller&, bool open) {
                        open_to_decommissioning_ = open;
                        return gate_;
                      }},
                 clock_,
                 metrics_};
  int calls_ = 0;
  absl::Time deadline_;
};

TEST_F(RouterTest, AnAllowedCallerReachesTheHandler) {
  ASSERT_OK_AND_ASSIGN(const Fleet fleet,
                       Get(options::v1::ROLE_OPERATOR, "fleets/a"));
  EXPECT_EQ(fleet.name(), "fleets/a");
  EXPECT_EQ(fleet.display_name(), "spiffe://test.example/service/operator");
  EXPECT_EQ(deadline_, clock_.Now() + absl::Seconds(5));
}

TEST_F(RouterTest, EveryOtherRoleIsDeniedBeforeTheHandler) {
  for (int role = options::v1::Role_MIN; role <= options::v1::Role_MAX;
       ++role) {
    if (role == options::v1::ROLE_OPERATOR) {
      continue;
    }
    const auto denied = Get(static_cast<options::v1::Role>(role), "fleets/a");
    EXPECT_THAT(denied, StatusIs(absl::StatusCode::kPermissionDenied,
                                 reasons::kCallerNotAllowed));
    EXPECT_THAT(denied, HasMetadata("method", kGetFleet));
  }
  EXPECT_EQ(calls_, 0);
}

TEST_F(RouterTest, TheGateLearnsWhatIsOpenToThoseWhoAreToWipeThemselves) {
  const auto& service = *registration::v1::WipeInstruction::descriptor()
                             ->file()
                             ->FindServiceByName("RegistrationService");
  router_.AddService(service);
  int open = 0;
  for (int i = 0; i < service.method_count(); ++i) {
    const std::string& name = service.method(i)->full_name();
    EXPECT_FALSE(
        router_
            .Admit(CallerOf(options::v1::ROLE_DEVICE), router_.Find(name), name)
            .ok());  // none is served
    const bool is_wipe = name.find("Wipe") != std::string::npos;
    EXPECT_EQ(open_to_decommissioning_, is_wipe) << name;
    open += open_to_decommissioning_ ? 1 : 0;
  }
  EXPECT_EQ(open, 2);
  // No other method of any service, and no unknown one.
  for (const char* name : {kGetFleet, "nobody.knows.This"}) {
    open_to_decommissioning_ = true;
    (void)router_.Admit(CallerOf(options::v1::ROLE_OPERATOR),
                        router_.Find(name), name);
    EXPECT_FALSE(open_to_decommissioning_);
  }
}

TEST_F(RouterTest, TheGateComesBeforeAuthorisation) {
  gate_ = MakeError(absl::StatusCode::kUnauthenticated,
                    reasons::kCertificateRevoked, "revoked");
  EXPECT_THAT(Get(options::v1::ROLE_LINE, "fleets/a"),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateRevoked));
  EXPECT_EQ(calls_, 0);
}

TEST_F(RouterTest, AMethodWithoutHandlerIsUnimplementedForThoseItIsOpenTo) {
  LocalChannel allowed(router_, CallerOf(options::v1::ROLE_OPERATOR));
  LocalChannel denied(router_, CallerOf(options::v1::ROLE_DEVICE));
  fleet::v1::ListFleetsRequest request;
  EXPECT_THAT(
      allowed.Unary<fleet::v1::ListFleetsResponse>(kListFleets, request),
      StatusIs(absl::StatusCode::kUnimplemented, reasons::kMethodNotServed));
  EXPECT_THAT(denied.Unary<fleet::v1::ListFleetsResponse>(kListFleets, request),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       reasons::kCallerNotAllowed));
}

TEST_F(RouterTest, AnUnknownMethodIsUnimplemented) {
  LocalChannel channel(router_, CallerOf(options::v1::ROLE_OPERATOR));
  EXPECT_THAT(
      channel.Unary<Fleet>("birthmark.fleet.v1.Nothing.Do", GetFleetRequest()),
      StatusIs(absl::StatusCode::kUnimplemented, reasons::kMethodNotServed));
}

TEST_F(RouterTest, ErrorsKeepTheirReasonAndInternalOnesHideTheirText) {
  EXPECT_THAT(Get(options::v1::ROLE_OPERATOR, ""),
              StatusIs(absl::StatusCode::kNotFound, reasons::kFleetNotFound));
  const auto broken = Get(options::v1::ROLE_OPERATOR, "broken");
  EXPECT_THAT(broken, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(broken.status().message(), "internal error");
}

TEST_F(RouterTest, DeadlinesHaveADefaultACapAndAnEnd) {
  const absl::Time now = clock_.Now();
  EXPECT_THAT(router_.UnaryDeadline(absl::InfiniteFuture()),
              IsOkAndHolds(now + absl::Seconds(30)));
  EXPECT_THAT(router_.UnaryDeadline(now + absl::Hours(5)),
              IsOkAndHolds(now + absl::Minutes(5)));
  EXPECT_THAT(router_.UnaryDeadline(now + absl::Seconds(1)),
              IsOkAndHolds(now + absl::Seconds(1)));
  EXPECT_THAT(router_.UnaryDeadline(now),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(RouterTest, MethodsAreFoundByNameAndByPath) {
  EXPECT_NE(router_.Find(kGetFleet), nullptr);
  EXPECT_EQ(router_.Find("/birthmark.fleet.v1.FleetService/GetFleet"),
            router_.Find(kGetFleet));
  EXPECT_EQ(router_.Find("/birthmark.fleet.v1.FleetService/Nope"), nullptr);
  EXPECT_EQ(router_.Find(""), nullptr);
  EXPECT_EQ(router_.Find("/"), nullptr);
}

TEST_F(RouterTest, CallsAreCountedByMethodAndCode) {
  EXPECT_OK(Get(options::v1::ROLE_OPERATOR, "fleets/a"));
  EXPECT_THAT(Get(options::v1::ROLE_LINE, "fleets/a"),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(registry_.Text(),
              HasSubstr("code=\"OK\",method=\"" + std::string(kGetFleet)));
  EXPECT_THAT(registry_.Text(), HasSubstr("code=\"PERMISSION_DENIED\""));
}

TEST_F(RouterTest, AMethodWithoutTheOptionAdmitsNobody) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("open.proto");
  file.add_message_type()->set_name("Empty");
  auto* service = file.add_service();
  service->set_name("Open");
  auto* method = service->add_method();
  method->set_name("Do");
  method->set_input_type("Empty");
  method->set_output_type("Empty");
  google::protobuf::DescriptorPool pool;
  router_.AddService(*pool.BuildFile(file)->service(0));
  for (int role = options::v1::Role_MIN; role <= options::v1::Role_MAX;
       ++role) {
    EXPECT_THAT(router_.Admit(CallerOf(static_cast<options::v1::Role>(role)),
                              router_.Find("Open.Do"), "Open.Do"),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         reasons::kCallerNotAllowed));
  }
}

TEST_F(RouterTest, AStreamHasNoLocalForm) {
  provisioning::v1::IssueBatchRequest::descriptor();
  router_.AddService(Service("birthmark.provisioning.v1.ProvisioningService"));
  constexpr char kIssue[] =
      "birthmark.provisioning.v1.ProvisioningService.IssueBatch";
  using provisioning::v1::IssueBatchRequest;
  using provisioning::v1::IssueBatchResponse;
  router_.Bidi<IssueBatchRequest, IssueBatchResponse>(
      kIssue,
      [](const CallContext&, BidiStream<IssueBatchResponse>)
          -> absl::StatusOr<std::shared_ptr<BidiHandler<IssueBatchRequest>>> {
        return absl::InternalError("not called");
      });
  LocalChannel line(router_, CallerOf(options::v1::ROLE_LINE));
  EXPECT_THAT(line.Unary<IssueBatchResponse>(kIssue, IssueBatchRequest()),
              StatusIs(absl::StatusCode::kUnimplemented));
}

using RouterDeathTest = RouterTest;

TEST_F(RouterDeathTest, MistakesOfTheProgramEndTheProcess) {
  auto handler = [](const CallContext&,
                    const GetFleetRequest&) -> absl::StatusOr<Fleet> {
    return Fleet();
  };
  EXPECT_DEATH((router_.Unary<GetFleetRequest, Fleet>(kGetFleet, handler)),
               "handler already");
  EXPECT_DEATH((router_.Unary<GetFleetRequest, Fleet>(kListFleets, handler)),
               "other types");
  EXPECT_DEATH((router_.Unary<GetFleetRequest, Fleet>("a.B.C", handler)),
               "not added");
}

}  // namespace
}  // namespace birthmark::rpc
