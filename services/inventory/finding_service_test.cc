#include "services/inventory/finding_service.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_request_store.h"
#include "lib/storage/finding_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

using absl::StatusCode;
using storage::FindingRow;
using storage::FindingState;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

// SomeFindings are findings in memory.
class SomeFindings : public storage::FindingStore {
 public:
  absl::StatusOr<FindingRow> Get(absl::string_view fleet_id,
                                 absl::string_view finding_id) override {
    const auto found = rows.find(std::string(finding_id));
    if (found == rows.end() || found->second.fleet_id != fleet_id) {
      return MakeError(StatusCode::kNotFound, reasons::kFindingNotFound, "no");
    }
    return found->second;
  }
  absl::StatusOr<std::vector<FindingRow>> List(
      const storage::FindingFilter& filter,
      const std::optional<storage::FindingCursor>& after, int limit) override {
    last_filter = filter;
    std::vector<FindingRow> page;
    for (const auto& [id, row] : rows) {
      if ((!after.has_value() || id > after->finding_id) &&
          static_cast<int>(page.size()) < limit) {
        page.push_back(row);
      }
    }
    return page;
  }
  absl::StatusOr<std::vector<FindingRow>> Raise(
      absl::Span<const FindingRow>, absl::string_view,
      const std::function<std::string()>&, const EntryMaker&) override {
    return absl::UnimplementedError("no test needs it");
  }
  absl::StatusOr<FindingRow> Move(absl::string_view fleet_id,
                                  absl::string_view finding_id, int64_t version,
                                  absl::string_view, const Change& change,
                                  const MutationMaker& mutation_for) override {
    absl::StatusOr<FindingRow> row = Get(fleet_id, finding_id);
    if (!row.ok()) {
      return row;
    }
    if (version != 0 && version != row->version) {
      return MakeError(StatusCode::kAborted, reasons::kEtagMismatch, "no");
    }
    const FindingState before = row->state;
    const absl::Status status = change(*row);
    if (!status.ok()) {
      return status;
    }
    if (row->state != before) {
      ++row->version;
      rows[row->finding_id] = *row;
      storage::FakeDatabase::Transaction transaction(database_);
      const absl::Status recorded =
          storage::FakeRecord(transaction.tables(), mutation_for(*row));
      if (!recorded.ok()) {
        return recorded;
      }
      transaction.Commit();
    }
    return row;
  }

  explicit SomeFindings(storage::FakeDatabase& database)
      : database_(database) {}
  std::map<std::string, FindingRow> rows;
  storage::FindingFilter last_filter;

 private:
  storage::FakeDatabase& database_;
};

constexpr char kFirst[] = "019a0000-0000-7000-8000-000000000001";
constexpr char kSecond[] = "019a0000-0000-7000-8000-000000000002";
constexpr char kName[] =
    "fleets/acme/findings/019a0000-0000-7000-8000-000000000001";
constexpr char kDevice[] =
    "fleets/acme/devices/019a0000-0000-7000-8000-00000000000d";

class FindingServiceTest : public testing::Test {
 protected:
  FindingServiceTest() {
    service_.Register(router_);
    for (const char* id : {kFirst, kSecond}) {
      FindingRow& row = findings_.rows[id];
      row.finding_id = id;
      row.fleet_id = "acme";
      row.device_uid = "019a0000-0000-7000-8000-00000000000d";
      row.subject = "os";
      row.effect = storage::FindingEffect::kDenyRenewal;
      row.details = {{"highest", "7"}};
      row.create_time = clock_.Now();
      row.last_time = clock_.Now();
    }
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(
      const std::string& method, const Request& request,
      options::v1::Role role = options::v1::ROLE_OPERATOR) {
    rpc::Caller caller;
    caller.role = role;
    caller.actor = "spiffe://test/operator/ada";
    rpc::LocalChannel channel(router_, caller);
    return channel.Unary<Response>(
        "birthmark.device.v1.FindingService." + method, request,
        absl::Seconds(5));
  }
  absl::StatusOr<pb::Finding> Close(const std::string& note,
                                    const std::string& request_id = "",
                                    const std::string& etag = "") {
    pb::CloseFindingRequest request;
    request.set_name(kName);
    request.set_note(note);
    request.set_etag(etag);
    request.set_request_id(request_id);
    return Call<pb::Finding>("CloseFinding", request);
  }
  absl::StatusOr<pb::Finding> Acknowledge(const std::string& name = kName) {
    pb::AcknowledgeFindingRequest request;
    request.set_name(name);
    return Call<pb::Finding>("AcknowledgeFinding", request);
  }

  FakeClock clock_;
  storage::FakeDatabase database_;
  storage::FakeRequestStore requests_{database_};
  SomeFindings findings_{database_};
  rpc::PageTokenCodec page_tokens_{"secret"};
  telemetry::Registry registry_;
  telemetry::RpcMetrics metrics_{registry_};
  rpc::Router router_{{}, clock_, metrics_};
  FindingServiceImpl service_{{findings_, requests_, page_tokens_, clock_}};
};

TEST_F(FindingServiceTest, ShowsOne) {
  pb::GetFindingRequest request;
  request.set_name(kName);
  ASSERT_OK_AND_ASSIGN(const auto finding,
                       Call<pb::Finding>("GetFinding", request));
  EXPECT_EQ(finding.name(), kName);
  EXPECT_EQ(finding.device(), kDevice);
  EXPECT_EQ(finding.kind(), pb::FINDING_KIND_FIRMWARE_ROLLBACK);
  EXPECT_EQ(finding.state(), pb::FINDING_STATE_OPEN);
  EXPECT_EQ(finding.effect(), pb::FINDING_EFFECT_DENY_RENEWAL);
  EXPECT_EQ(finding.details().at("highest"), "7");
  EXPECT_EQ(finding.etag(), "\"1\"");
  EXPECT_FALSE(finding.has_close_time());
  request.set_name("fleets/acme/findings/x/y");
  EXPECT_THAT(
      Call<pb::Finding>("GetFinding", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  request.set_name(std::string("fleets/other/findings/") + kFirst);
  EXPECT_THAT(Call<pb::Finding>("GetFinding", request),
              StatusIs(StatusCode::kNotFound, reasons::kFindingNotFound));
  request.set_name(kName);
  EXPECT_THAT(
      Call<pb::Finding>("GetFinding", request, options::v1::ROLE_DEVICE),
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed));
}

TEST_F(FindingServiceTest, ListsPageByPage) {
  pb::ListFindingsRequest request;
  request.set_parent("fleets/-");
  request.set_page_size(1);
  ASSERT_OK_AND_ASSIGN(const auto first,
                       Call<pb::ListFindingsResponse>("ListFindings", request));
  ASSERT_THAT(first.findings(), SizeIs(1));
  EXPECT_EQ(first.findings(0).name(), kName);
  EXPECT_EQ(findings_.last_filter.fleet_id, "");
  EXPECT_FALSE(findings_.last_filter.closed);
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const auto second,
                       Call<pb::ListFindingsResponse>("ListFindings", request));
  ASSERT_THAT(second.findings(), SizeIs(1));
  EXPECT_THAT(second.next_page_token(), IsEmpty());
  request.set_show_closed(true);
  EXPECT_THAT(
      Call<pb::ListFindingsResponse>("ListFindings", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kPageTokenMismatch));
  request.clear_page_token();
  request.set_device(kDevice);
  ASSERT_OK(Call<pb::ListFindingsResponse>("ListFindings", request).status());
  EXPECT_EQ(findings_.last_filter.fleet_id, "acme");
  EXPECT_TRUE(findings_.last_filter.closed);
  request.set_parent("fleets/other");
  EXPECT_THAT(Call<pb::ListFindingsResponse>("ListFindings", request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  request.set_device("x");
  EXPECT_THAT(
      Call<pb::ListFindingsResponse>("ListFindings", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

TEST_F(FindingServiceTest, AcknowledgesAndClosesOnceEach) {
  ASSERT_OK_AND_ASSIGN(const auto seen, Acknowledge());
  EXPECT_EQ(seen.state(), pb::FINDING_STATE_ACKNOWLEDGED);
  EXPECT_EQ(seen.acknowledge_actor(), "spiffe://test/operator/ada");
  EXPECT_OK(Acknowledge());
  const std::string request_id = crypto::NewRequestId();
  EXPECT_THAT(Close("fixed", request_id, "\"1\""),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  ASSERT_OK_AND_ASSIGN(const auto closed, Close("fixed", request_id, "\"2\""));
  EXPECT_EQ(closed.state(), pb::FINDING_STATE_CLOSED);
  EXPECT_EQ(closed.note(), "fixed");
  EXPECT_TRUE(closed.has_close_time());
  clock_.Advance(absl::Seconds(9));
  ASSERT_OK_AND_ASSIGN(const auto again, Close("fixed", request_id, "\"2\""));
  EXPECT_EQ(again.SerializeAsString(), closed.SerializeAsString());
  EXPECT_THAT(
      Close("other", request_id, "\"2\""),
      StatusIs(StatusCode::kInvalidArgument, reasons::kRequestIdReused));
  // Closed is closed, whoever says so.
  ASSERT_OK_AND_ASSIGN(const auto unchanged, Close("more"));
  EXPECT_EQ(unchanged.note(), "fixed");
  EXPECT_THAT(Acknowledge(), StatusIs(StatusCode::kFailedPrecondition,
                                      reasons::kFindingState));
  EXPECT_THAT(database_.audit(),
              ElementsAre(Field(&audit::Entry::action, "finding.acknowledge"),
                          Field(&audit::Entry::action, "finding.close")));
}

TEST_F(FindingServiceTest, RefusesSpoiledRequests) {
  const auto invalid =
      StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField);
  EXPECT_THAT(Close(""), invalid);
  EXPECT_THAT(Close(std::string(501, 'n')), invalid);
  EXPECT_THAT(Close("a\nb"), invalid);
  EXPECT_THAT(Close("note", "1"), invalid);
  EXPECT_THAT(Close("note", "", "7"), invalid);
  EXPECT_THAT(Acknowledge("findings/1"), StatusIs(StatusCode::kInvalidArgument,
                                                  reasons::kBadResourceName));
  EXPECT_THAT(database_.audit(), IsEmpty());
}

}  // namespace
}  // namespace birthmark::inventory
