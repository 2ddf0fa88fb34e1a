#include "services/registration/enforcement_service.h"

#include <functional>
#include <string>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kService[] = "birthmark.revocation.v1.RevocationService.";

class EnforcementServiceTest : public testing::Test {
 protected:
  EnforcementServiceTest()
      : profiles_(*Profiles::New(
            {MakeProfile(policy::ProfileKind::kLine),
             MakeProfile(policy::ProfileKind::kEnforcementPoint)})),
        client_(world_.ca),
        service_(world_.dependencies(), profiles_, client_),
        calls_(world_.clock, kService, *pb::Crl::descriptor()->file()) {
    service_.Register(calls_.router());
  }

  static pb::CreateEnforcementPointRequest GoodRequest() {
    pb::CreateEnforcementPointRequest request;
    request.set_enforcement_point_id("broker");
    request.set_csr_der(MakeCsr());
    return request;
  }
  absl::StatusOr<pb::CreateEnforcementPointResponse> Create(
      const pb::CreateEnforcementPointRequest& request,
      const rpc::Caller& caller = World::Operator()) {
    return calls_.Call<pb::CreateEnforcementPointResponse>(
        "CreateEnforcementPoint", request, caller);
  }
  absl::StatusOr<pb::EnforcementPoint> Report(
      int64_t revision, int64_t next_update_seconds,
      const rpc::Caller& caller = World::EnforcementPoint("broker")) {
    pb::ReportEnforcementRequest request;
    request.set_revision(revision);
    request.mutable_next_update_time()->set_seconds(next_update_seconds);
    return calls_.Call<pb::EnforcementPoint>("ReportEnforcement", request,
                                             caller);
  }
  absl::StatusOr<pb::ListEnforcementPointsResponse> List(
      const pb::ListEnforcementPointsRequest& request,
      const rpc::Caller& caller = World::Operator()) {
    return calls_.Call<pb::ListEnforcementPointsResponse>(
        "ListEnforcementPoints", request, caller);
  }

  World world_;
  const Profiles profiles_;
  CaClient client_;
  EnforcementService service_;
  ServiceCalls calls_;
};

TEST_F(EnforcementServiceTest, CreatesOneWithItsCertificate) {
  pb::CreateEnforcementPointRequest request = GoodRequest();
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const auto first, Create(request));
  EXPECT_EQ(first.enforcement_point().name(), "enforcementPoints/broker");
  EXPECT_EQ(first.enforcement_point().revision(), 0);
  EXPECT_FALSE(first.enforcement_point().has_report_time());
  EXPECT_THAT(first.certificate_chain_der(), SizeIs(2));
  ASSERT_OK_AND_ASSIGN(const auto repeat, Create(request));
  EXPECT_EQ(repeat.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(world_.ca.signatures(), 1);
  EXPECT_THAT(world_.actions(),
              ElementsAre("enforcement_point.create", "certificate.issue"));
  request.clear_request_id();
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kAlreadyExists,
                                        reasons::kEnforcementPointExists));
  request.set_enforcement_point_id("other");
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kAlreadyExists,
                                        reasons::kKeyAlreadyEnrolled));
}

TEST_F(EnforcementServiceTest, FinishesWhatTheCaWasAwayFor) {
  const pb::CreateEnforcementPointRequest request = GoodRequest();
  world_.ca.FailNext(absl::UnavailableError("gone"));
  EXPECT_THAT(Create(request),
              StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
  ASSERT_OK_AND_ASSIGN(const auto created, Create(request));
  EXPECT_THAT(created.certificate_chain_der(), SizeIs(2));
  EXPECT_THAT(
      Create(GoodRequest()),
      StatusIs(StatusCode::kAlreadyExists, reasons::kEnforcementPointExists));
}

struct Case {
  const char* name;
  std::function<void(pb::CreateEnforcementPointRequest&)> spoil;
  absl::string_view reason;
};

class BadPointTest : public EnforcementServiceTest,
                     public testing::WithParamInterface<Case> {};

TEST_P(BadPointTest, IsRefused) {
  pb::CreateEnforcementPointRequest request = GoodRequest();
  GetParam().spoil(request);
  const auto response = Create(request);
  EXPECT_FALSE(response.ok());
  EXPECT_THAT(response, StatusIs(response.status().code(), GetParam().reason));
  EXPECT_THAT(world_.actions(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPointTest,
    testing::Values(
        Case{"NoId", [](auto& r) { r.clear_enforcement_point_id(); },
             reasons::kInvalidField},
        Case{"BadId", [](auto& r) { r.set_enforcement_point_id("a/b"); },
             reasons::kInvalidField},
        Case{"NoCsr", [](auto& r) { r.clear_csr_der(); },
             reasons::kCsrMalformed},
        Case{"HugeCsr",
             [](auto& r) { r.set_csr_der(std::string(100000, 'x')); },
             reasons::kCsrTooLarge},
        Case{"ForgedCsr", [](auto& r) { r.mutable_csr_der()->back() ^= 1; },
             reasons::kCsrSignatureInvalid},
        Case{"OtherKeyType",
             [](auto& r) {
               r.set_csr_der(MakeCsr(crypto::KeyAlgorithm::kEd25519));
             },
             reasons::kKeyTypeNotAllowed},
        Case{"BadRequestId", [](auto& r) { r.set_request_id("1"); },
             reasons::kInvalidField}),
    [](const auto& info) { return info.param.name; });

TEST_F(EnforcementServiceTest, APointSaysWhatItEnforces) {
  ASSERT_OK(Create(GoodRequest()));
  ASSERT_OK_AND_ASSIGN(const pb::EnforcementPoint point, Report(7, 1800000000));
  EXPECT_EQ(point.name(), "enforcementPoints/broker");
  EXPECT_EQ(point.revision(), 7);
  EXPECT_EQ(point.next_update_time().seconds(), 1800000000);
  EXPECT_TRUE(point.has_report_time());
  ASSERT_OK_AND_ASSIGN(const auto list, List({}));
  ASSERT_THAT(list.enforcement_points(), SizeIs(1));
  EXPECT_EQ(list.enforcement_points(0).SerializeAsString(),
            point.SerializeAsString());
  EXPECT_THAT(Report(-1, 1800000000),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(calls_.Call<pb::EnforcementPoint>(
                  "ReportEnforcement", pb::ReportEnforcementRequest(),
                  World::EnforcementPoint("broker")),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(
      Report(7, 1800000000, World::EnforcementPoint("stranger")),
      StatusIs(StatusCode::kNotFound, reasons::kEnforcementPointNotFound));
}

TEST_F(EnforcementServiceTest, ListsByNamePageByPage) {
  for (const char* id : {"b", "a", "c"}) {
    pb::CreateEnforcementPointRequest request = GoodRequest();
    request.set_enforcement_point_id(id);
    ASSERT_OK(Create(request));
  }
  pb::ListEnforcementPointsRequest request;
  request.set_page_size(2);
  ASSERT_OK_AND_ASSIGN(const auto first, List(request));
  ASSERT_THAT(first.enforcement_points(), SizeIs(2));
  EXPECT_EQ(first.enforcement_points(0).name(), "enforcementPoints/a");
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const auto second, List(request));
  ASSERT_THAT(second.enforcement_points(), SizeIs(1));
  EXPECT_EQ(second.enforcement_points(0).name(), "enforcementPoints/c");
  request.set_page_token("x");
  EXPECT_THAT(List(request), StatusIs(StatusCode::kInvalidArgument,
                                      reasons::kPageTokenMismatch));
}

TEST_F(EnforcementServiceTest, EachForItsRole) {
  const auto refused =
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed);
  const rpc::Caller point = World::EnforcementPoint("broker");
  EXPECT_THAT(Create(GoodRequest(), point), refused);
  EXPECT_THAT(Create(GoodRequest(), World::Line("acme", "l1")), refused);
  EXPECT_THAT(List({}, point), refused);
  EXPECT_THAT(Report(1, 1800000000, World::Operator()), refused);
  EXPECT_THAT(Report(1, 1800000000, World::Line("acme", "l1")), refused);
}

TEST(EnforcementProfileTest, WithoutAProfileNoneIsCreated) {
  World world;
  const Profiles profiles =
      *Profiles::New({MakeProfile(policy::ProfileKind::kLine)});
  EXPECT_THAT(profiles.EnforcementPoint(),
              StatusIs(StatusCode::kNotFound, reasons::kProfileNotFound));
  policy::Profile second = MakeProfile(policy::ProfileKind::kEnforcementPoint);
  second.id = "second";
  EXPECT_THAT(
      Profiles::New({MakeProfile(policy::ProfileKind::kLine),
                     MakeProfile(policy::ProfileKind::kEnforcementPoint),
                     second}),
      StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace birthmark::registration
