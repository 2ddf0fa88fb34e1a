// Tests what handlers share: etags, fields, timestamps, pages, request ids.

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/timestamp.h"

namespace birthmark::rpc {
namespace {

using absl::StatusCode;
using fleet::v1::CreateFleetRequest;
using fleet::v1::Fleet;
using fleet::v1::ListFleetsRequest;
using testing::ElementsAre;

TEST(EtagTest, ReadsWhatItMakes) {
  EXPECT_EQ(MakeEtag(42), "\"42\"");
  EXPECT_THAT(ParseEtag(MakeEtag(42)), IsOkAndHolds(42));
  EXPECT_THAT(ParseOptionalEtag(""), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(ParseOptionalEtag("\"7\""),
              IsOkAndHolds(std::optional<int64_t>(7)));
}

class BadEtagTest : public testing::TestWithParam<const char*> {};

TEST_P(BadEtagTest, IsRefused) {
  const auto version = ParseEtag(GetParam(), "fleet.etag");
  EXPECT_THAT(version,
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(version, HasMetadata("field", "fleet.etag"));
}

INSTANTIATE_TEST_SUITE_P(All, BadEtagTest,
                         testing::Values("", "1", "\"\"", "\"0\"", "\"-1\"",
                                         "\"01\"", "\" 1\"", "\"1", "W/\"1\"",
                                         "\"99999999999999999999\""));

TEST(FieldsTest, IdsAreShortAndPlain) {
  EXPECT_OK(CheckId("line-1", "line_id"));
  for (const std::string& id :
       {std::string(), std::string("-"), std::string("Line"),
        std::string("a b"), std::string("a/b"), std::string(64, 'a')}) {
    EXPECT_THAT(CheckId(id, "line_id"),
                StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField))
        << id;
  }
}

TEST(FieldsTest, TextIsCountedInCharacters) {
  EXPECT_OK(CheckText("\xC3\xA9t\xC3\xA9", "reason", 3, 3));
  EXPECT_OK(CheckText("", "reason", 0, 3));
  for (const char* text : {"", "abcd", "a\nb"}) {
    EXPECT_THAT(CheckText(text, "reason", 1, 3),
                StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField))
        << text;
  }
}

TEST(TimestampTest, ReadsWhatItMakes) {
  const absl::Time time =
      absl::FromUnixSeconds(1767225600) + absl::Nanoseconds(5);
  EXPECT_THAT(FromTimestamp(ToTimestamp(time), "t"), IsOkAndHolds(time));
  EXPECT_EQ(ToTimestamp(absl::InfiniteFuture()).seconds(), 253402300799);
  EXPECT_EQ(ToTimestamp(absl::InfinitePast()).seconds(), -62135596800);
}

TEST(TimestampTest, RefusesWhatTheWireFormDoesNotHave) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_nanos(-1);
  EXPECT_THAT(FromTimestamp(timestamp, "boot_time"),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  timestamp.set_nanos(0);
  timestamp.set_seconds(253402300800);
  EXPECT_THAT(FromTimestamp(timestamp, "boot_time"),
              HasMetadata("field", "boot_time"));
}

TEST(CursorTest, ReadsWhatItMakes) {
  const absl::Time time = absl::FromUnixSeconds(1767225600);
  ASSERT_OK_AND_ASSIGN(const Cursor cursor,
                       DecodeCursor(EncodeCursor({time, {"acme", "l1"}}), 2));
  EXPECT_EQ(cursor.time, time);
  EXPECT_THAT(cursor.keys, ElementsAre("acme", "l1"));
  EXPECT_THAT(
      DecodeCursor("1\nacme", 2),
      StatusIs(StatusCode::kInvalidArgument, reasons::kPageTokenMismatch));
  EXPECT_THAT(
      DecodeCursor("x\na\nb", 2),
      StatusIs(StatusCode::kInvalidArgument, reasons::kPageTokenMismatch));
}

TEST(ReadPageTest, WalksThroughAllRowsOnce) {
  const PageTokenCodec codec("secret");
  const std::vector<std::string> all = {"a", "b", "c", "d", "e"};
  const auto fetch =
      [&](const std::string& after,
          int limit) -> absl::StatusOr<std::vector<std::string>> {
    std::vector<std::string> rows;
    for (const std::string& row : all) {
      if (row > after && static_cast<int>(rows.size()) < limit) {
        rows.push_back(row);
      }
    }
    return rows;
  };
  ListFleetsRequest request;
  request.set_page_size(2);
  std::vector<std::string> seen;
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(
        const Page<std::string> page,
        ReadPage<std::string>(codec, request, fetch,
                              [](const std::string& row) { return row; }));
    seen.insert(seen.end(), page.rows.begin(), page.rows.end());
    request.set_page_token(page.next_page_token);
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, all);
  EXPECT_EQ(pages, 3);
}

TEST(ReadPageTest, FailsAsItsPartsDo) {
  const PageTokenCodec codec("secret");
  const auto fetch = [](const std::string&,
                        int) -> absl::StatusOr<std::vector<std::string>> {
    return absl::UnavailableError("gone");
  };
  const auto read = [&](const ListFleetsRequest& request) {
    return ReadPage<std::string>(codec, request, fetch,
                                 [](const std::string& row) { return row; });
  };
  ListFleetsRequest request;
  EXPECT_THAT(read(request), StatusIs(StatusCode::kUnavailable));
  request.set_page_size(-1);
  EXPECT_THAT(read(request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  request.set_page_size(0);
  request.set_page_token("stolen");
  EXPECT_THAT(read(request), StatusIs(StatusCode::kInvalidArgument,
                                      reasons::kPageTokenMismatch));
}

// MemoryRequests keeps what RunOnce records.
class MemoryRequests : public storage::RequestStore {
 public:
  absl::StatusOr<std::optional<std::string>> Find(
      absl::string_view caller, absl::string_view method,
      absl::string_view request_id, absl::string_view request_hash) override {
    const auto found = records_.find(
        {std::string(caller), std::string(method), std::string(request_id)});
    if (found == records_.end()) {
      return std::nullopt;
    }
    if (found->second.request_hash != request_hash) {
      return MakeError(StatusCode::kInvalidArgument, reasons::kRequestIdReused,
                       "used for another request");
    }
    return found->second.response;
  }

  void Add(const storage::RequestRecord& record) {
    records_.emplace(
        std::tuple(record.caller, record.method, record.request_id), record);
  }

 private:
  std::map<std::tuple<std::string, std::string, std::string>,
           storage::RequestRecord>
      records_;
};

class RunOnceTest : public testing::Test {
 protected:
  RunOnceTest() {
    auto caller = std::make_shared<Caller>();
    caller->actor = "spiffe://test/operator/ada";
    context_ = std::make_unique<CallContext>(
        caller, "birthmark.fleet.v1.FleetService.CreateFleet",
        absl::InfiniteFuture());
    request_.set_fleet_id("acme");
    request_.set_request_id("7b0e5c52-9b3e-4a3c-8f57-3f2a2b6b1a11");
  }

  absl::StatusOr<Fleet> Run() {
    return RunOnce<Fleet>(
        requests_, *context_, request_,
        [this](const Recorder& record) { return Do(record); });
  }

  absl::StatusOr<Fleet> Do(const Recorder& record) {
    ++runs_;
    Fleet fleet;
    fleet.set_name("fleets/" + request_.fleet_id());
    if (const auto made = record(fleet); made.has_value()) {
      requests_.Add(*made);
    }
    return status_.ok() ? absl::StatusOr<Fleet>(fleet) : status_;
  }

  MemoryRequests requests_;
  std::unique_ptr<CallContext> context_;
  CreateFleetRequest request_;
  absl::Status status_;
  int runs_ = 0;
};

TEST_F(RunOnceTest, AnswersARepeatFromTheRecord) {
  ASSERT_OK(Run());
  ASSERT_OK_AND_ASSIGN(const Fleet fleet, Run());
  EXPECT_EQ(fleet.name(), "fleets/acme");
  EXPECT_EQ(runs_, 1);
}

TEST_F(RunOnceTest, RunsEachTimeWithoutARequestId) {
  request_.clear_request_id();
  ASSERT_OK(Run());
  ASSERT_OK(Run());
  EXPECT_EQ(runs_, 2);
}

TEST_F(RunOnceTest, RefusesAnIdThatCameWithAnotherRequest) {
  ASSERT_OK(Run());
  request_.set_fleet_id("other");
  EXPECT_THAT(
      Run(), StatusIs(StatusCode::kInvalidArgument, reasons::kRequestIdReused));
  EXPECT_EQ(runs_, 1);
}

TEST_F(RunOnceTest, RefusesAnIdThatIsNoUuid4) {
  request_.set_request_id("1");
  EXPECT_THAT(Run(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_EQ(runs_, 0);
}

TEST_F(RunOnceTest, GivesTheAnswerOfTheSameRequestThatWasFaster) {
  // The record is there when the work has failed: somebody else wrote it.
  status_ = MakeError(StatusCode::kAlreadyExists, reasons::kFleetExists, "no");
  ASSERT_OK_AND_ASSIGN(const Fleet fleet, Run());
  EXPECT_EQ(fleet.name(), "fleets/acme");
}

}  // namespace
}  // namespace birthmark::rpc
