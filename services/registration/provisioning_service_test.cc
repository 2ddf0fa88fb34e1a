#include "services/registration/provisioning_service.h"

#include <functional>
#include <memory>
#include <string>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

namespace pb = provisioning::v1;

using absl::StatusCode;
using testing::ElementsAre;
using testing::SizeIs;

constexpr char kService[] = "birthmark.provisioning.v1.ProvisioningService.";

class ProvisioningServiceTest : public testing::Test {
 protected:
  ProvisioningServiceTest()
      : profiles_(Profiles::New({MakeProfile(policy::ProfileKind::kIdevid),
                                 MakeProfile(policy::ProfileKind::kLdevid),
                                 MakeProfile(policy::ProfileKind::kLine)})
                      .value()),
        client_(world_.ca),
        service_(world_.dependencies(), profiles_, client_),
        calls_(world_.clock, kService, *pb::Line::descriptor()->file()) {
    service_.Register(calls_.router());
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const char* method, const Request& request,
                                const rpc::Caller& caller = World::Operator()) {
    return calls_.Call<Response>(method, request, caller);
  }

  static pb::CreateLineRequest NewLine(const std::string& id = "l2") {
    pb::CreateLineRequest request;
    request.set_parent("fleets/acme");
    request.set_line_id(id);
    request.mutable_line()->add_models("m1");
    request.mutable_line()->set_quota(10);
    request.set_csr_der(MakeCsr());
    return request;
  }

  absl::StatusOr<pb::CreateLineResponse> CreateLine(
      const pb::CreateLineRequest& request) {
    return Call<pb::CreateLineResponse>("CreateLine", request);
  }

  absl::StatusOr<pb::Batch> CreateBatch(
      const std::string& id, const std::string& profile,
      const rpc::Caller& caller = World::Line("acme", "l1"),
      const std::string& line = "fleets/acme/lines/l1") {
    pb::CreateBatchRequest request;
    request.set_parent(line);
    request.set_batch_id(id);
    request.mutable_batch()->set_profile(profile);
    return Call<pb::Batch>("CreateBatch", request, caller);
  }

  absl::StatusOr<IssueStream::Opened> Open(const std::string& batch,
                                           const rpc::Caller& caller) {
    pb::IssueBatchRequest::Open open;
    open.set_batch(batch);
    return service_.OpenBatchFor(
        rpc::CallContext(std::make_shared<rpc::Caller>(caller), "IssueBatch",
                         absl::InfiniteFuture()),
        open);
  }

  World world_;
  const Profiles profiles_;
  CaClient client_;
  ProvisioningServiceImpl service_;
  ServiceCalls calls_;
};

TEST_F(ProvisioningServiceTest, CreatesALineWithItsCertificate) {
  ASSERT_OK_AND_ASSIGN(const pb::CreateLineResponse created,
                       CreateLine(NewLine()));
  EXPECT_EQ(created.line().name(), "fleets/acme/lines/l2");
  EXPECT_EQ(created.line().state(), pb::LINE_STATE_ACTIVE);
  EXPECT_EQ(created.line().quota(), 10);
  EXPECT_EQ(created.line().etag(), "\"1\"");
  ASSERT_THAT(created.certificate_chain_der(), SizeIs(2));
  EXPECT_EQ(created.certificate_chain_der(1), "issuer");
  EXPECT_THAT(world_.actions(),
              ElementsAre("line.create", "certificate.issue"));
}

TEST_F(ProvisioningServiceTest, ARepeatedCreateLineGetsTheSameCertificate) {
  pb::CreateLineRequest request = NewLine();
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const auto first, CreateLine(request));
  ASSERT_OK_AND_ASSIGN(const auto second, CreateLine(request));
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(world_.ca.signatures(), 1);
  request.clear_request_id();
  EXPECT_THAT(CreateLine(request),
              StatusIs(StatusCode::kAlreadyExists, reasons::kLineExists));
}

TEST_F(ProvisioningServiceTest, ALineWithoutCertificateGetsItLater) {
  const pb::CreateLineRequest request = NewLine();
  world_.ca.FailNext(absl::UnavailableError("restarting"));
  EXPECT_THAT(CreateLine(request),
              StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
  ASSERT_OK(CreateLine(request));
  EXPECT_THAT(world_.actions(),
              ElementsAre("line.create", "certificate.issue"));
}

struct BadLine {
  const char* name;
  std::function<void(pb::CreateLineRequest&)> spoil;
  StatusCode code;
  absl::string_view reason;
};

class BadLineTest : public ProvisioningServiceTest,
                    public testing::WithParamInterface<BadLine> {};

TEST_P(BadLineTest, IsRefused) {
  pb::CreateLineRequest request = NewLine();
  GetParam().spoil(request);
  EXPECT_THAT(CreateLine(request),
              StatusIs(GetParam().code, GetParam().reason));
  EXPECT_THAT(world_.actions(), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BadLineTest,
    testing::Values(
        BadLine{"BadParent", [](auto& r) { r.set_parent("fleets/-"); },
                StatusCode::kInvalidArgument, reasons::kBadResourceName},
        BadLine{"NoId", [](auto& r) { r.clear_line_id(); },
                StatusCode::kInvalidArgument, reasons::kInvalidField},
        BadLine{"NoModels", [](auto& r) { r.clear_line(); },
                StatusCode::kInvalidArgument, reasons::kInvalidField},
        BadLine{"NegativeQuota",
                [](auto& r) { r.mutable_line()->set_quota(-1); },
                StatusCode::kInvalidArgument, reasons::kInvalidField},
        BadLine{"BadCsr", [](auto& r) { r.set_csr_der("junk"); },
                StatusCode::kInvalidArgument, reasons::kCsrMalformed},
        BadLine{"BadRequestId", [](auto& r) { r.set_request_id("1"); },
                StatusCode::kInvalidArgument, reasons::kInvalidField},
        BadLine{"NoFleet", [](auto& r) { r.set_parent("fleets/other"); },
                StatusCode::kNotFound, reasons::kFleetNotFound},
        BadLine{"Taken", [](auto& r) { r.set_line_id("l1"); },
                StatusCode::kAlreadyExists, reasons::kLineExists}),
    [](const auto& info) { return info.param.name; });

TEST_F(ProvisioningServiceTest, OnlyOperatorsCreateLines) {
  EXPECT_THAT(
      Call<pb::CreateLineResponse>("CreateLine", NewLine(),
                                   World::Line("acme", "l1")),
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed));
}

TEST_F(ProvisioningServiceTest, DisablesALineOnce) {
  pb::DisableLineRequest request;
  request.set_name("fleets/acme/lines/l1");
  request.set_etag("\"9\"");
  EXPECT_THAT(Call<pb::Line>("DisableLine", request),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  request.set_etag("\"1\"");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::Line line,
                       Call<pb::Line>("DisableLine", request));
  EXPECT_EQ(line.state(), pb::LINE_STATE_DISABLED);
  // The record holds the very answer.
  ASSERT_OK_AND_ASSIGN(const pb::Line again,
                       Call<pb::Line>("DisableLine", request));
  EXPECT_EQ(again.SerializeAsString(), line.SerializeAsString());
  request.clear_request_id();
  request.clear_etag();
  EXPECT_THAT(
      Call<pb::Line>("DisableLine", request),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kLineDisabled));
  EXPECT_THAT(CreateBatch("b2", ""), StatusIs(StatusCode::kFailedPrecondition,
                                              reasons::kLineDisabled));
  EXPECT_THAT(
      Open("fleets/acme/lines/l1/batches/b1", World::Line("acme", "l1")),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kLineDisabled));
}

TEST_F(ProvisioningServiceTest, ALineSeesItselfAlone) {
  pb::GetLineRequest request;
  request.set_name("fleets/acme/lines/l1");
  ASSERT_OK(Call<pb::Line>("GetLine", request, World::Line("acme", "l1")));
  // Whether the line exists makes no difference.
  for (const char* name : {"fleets/acme/lines/l1", "fleets/acme/lines/l9"}) {
    request.set_name(name);
    EXPECT_THAT(
        Call<pb::Line>("GetLine", request, World::Line("other", "l1")),
        StatusIs(StatusCode::kPermissionDenied, reasons::kLineNotOwned));
  }
}

TEST_F(ProvisioningServiceTest, ListsLinesByPages) {
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_OK(CreateLine(NewLine("l2")));
  pb::ListLinesRequest request;
  request.set_parent("fleets/acme");
  request.set_page_size(1);
  ASSERT_OK_AND_ASSIGN(auto page,
                       Call<pb::ListLinesResponse>("ListLines", request));
  ASSERT_THAT(page.lines(), SizeIs(1));
  EXPECT_EQ(page.lines(0).name(), "fleets/acme/lines/l1");
  request.set_page_token(page.next_page_token());
  ASSERT_OK_AND_ASSIGN(page, Call<pb::ListLinesResponse>("ListLines", request));
  ASSERT_THAT(page.lines(), SizeIs(1));
  EXPECT_EQ(page.lines(0).name(), "fleets/acme/lines/l2");
  EXPECT_EQ(page.next_page_token(), "");
  request.clear_page_token();
  request.set_parent("fleets/other");
  EXPECT_THAT(Call<pb::ListLinesResponse>("ListLines", request),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
}

TEST_F(ProvisioningServiceTest, ABatchIsCreatedOnce) {
  ASSERT_OK_AND_ASSIGN(const pb::Batch batch, CreateBatch("b2", ""));
  EXPECT_EQ(batch.profile(), "profiles/idevid");
  EXPECT_EQ(batch.state(), pb::BATCH_STATE_OPEN);
  ASSERT_OK_AND_ASSIGN(const pb::Batch again,
                       CreateBatch("b2", "profiles/idevid"));
  EXPECT_EQ(again.SerializeAsString(), batch.SerializeAsString());
  EXPECT_THAT(world_.actions(), ElementsAre("batch.create"));
  EXPECT_THAT(CreateBatch("b3", "profiles/none"),
              StatusIs(StatusCode::kNotFound, reasons::kProfileNotFound));
  EXPECT_THAT(
      CreateBatch("b3", "profiles/ldevid"),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kProfileViolation));
  EXPECT_THAT(
      CreateBatch("b3", "idevid"),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  EXPECT_THAT(CreateBatch("B3", ""),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(CreateBatch("b3", "", World::Operator(), "fleets/acme/lines/l9"),
              StatusIs(StatusCode::kNotFound, reasons::kLineNotFound));
  EXPECT_THAT(CreateBatch("b3", "", World::Line("acme", "l2")),
              StatusIs(StatusCode::kPermissionDenied, reasons::kLineNotOwned));
}

TEST_F(ProvisioningServiceTest, AClosedBatchStaysClosed) {
  pb::CloseBatchRequest request;
  request.set_name("fleets/acme/lines/l1/batches/b1");
  ASSERT_OK_AND_ASSIGN(const pb::Batch batch,
                       Call<pb::Batch>("CloseBatch", request));
  EXPECT_EQ(batch.state(), pb::BATCH_STATE_CLOSED);
  ASSERT_OK(Call<pb::Batch>("CloseBatch", request));
  EXPECT_THAT(world_.actions(), ElementsAre("batch.close"));
  EXPECT_THAT(Open(request.name(), World::Line("acme", "l1")),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kBatchClosed));
}

TEST_F(ProvisioningServiceTest, OpensABatchForItsLine) {
  ASSERT_OK_AND_ASSIGN(
      const IssueStream::Opened opened,
      Open("fleets/acme/lines/l1/batches/b1", World::Line("acme", "l1")));
  EXPECT_EQ(opened.batch.row.batch_key, world_.batch.batch_key);
  EXPECT_THAT(opened.batch.models, ElementsAre("m1", "m2"));
  EXPECT_EQ(opened.batch.profile->id, "idevid");
  EXPECT_EQ(opened.batch.actor, "spiffe://test/fleet/acme/line/l1");
  EXPECT_THAT(opened.message.issuer_chain_der(), ElementsAre("issuer"));
  EXPECT_THAT(
      Open("fleets/acme/lines/l1/batches/b9", World::Line("acme", "l1")),
      StatusIs(StatusCode::kNotFound, reasons::kBatchNotFound));
  EXPECT_THAT(
      Open("fleets/acme/lines/l1/batches/b9", World::Line("acme", "l2")),
      StatusIs(StatusCode::kPermissionDenied, reasons::kLineNotOwned));
  EXPECT_THAT(
      Open("b1", World::Line("acme", "l1")),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

TEST_F(ProvisioningServiceTest, ListsResultsByItemId) {
  ASSERT_OK(world_.batches.RecordFailures(
      world_.batch.batch_key,
      {{"b", std::string(32, 'x'), absl::InvalidArgumentError("no")},
       {"a", std::string(32, 'x'), absl::InvalidArgumentError("no")}},
      world_.clock.Now()));
  pb::ListBatchResultsRequest request;
  request.set_parent("fleets/acme/lines/l1/batches/b1");
  ASSERT_OK_AND_ASSIGN(const auto list, Call<pb::ListBatchResultsResponse>(
                                            "ListBatchResults", request));
  ASSERT_THAT(list.results(), SizeIs(2));
  EXPECT_EQ(list.results(0).item_id(), "a");
  EXPECT_EQ(list.results(0).error().code(), 3);
  pb::ListBatchesRequest batches;
  batches.set_parent("fleets/acme/lines/l1");
  ASSERT_OK_AND_ASSIGN(const auto page,
                       Call<pb::ListBatchesResponse>("ListBatches", batches));
  ASSERT_THAT(page.batches(), SizeIs(1));
  EXPECT_EQ(page.batches(0).failed_count(), 2);
}

}  // namespace
}  // namespace birthmark::registration
