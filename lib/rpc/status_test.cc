#include "lib/rpc/status.h"

#include "google/rpc/error_details.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/telemetry/log.h"

namespace birthmark::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

struct Case {
  const char* name;
  absl::Status in;
};

class RoundTripTest : public ::testing::TestWithParam<Case> {};

TEST_P(RoundTripTest, KeepsCodeTextReasonMetadataAndDelay) {
  const absl::Status& in = GetParam().in;
  EXPECT_EQ(FromGrpc(ToGrpc(in)), in);
  EXPECT_EQ(FromProto(ToProto(in)), in);
  EXPECT_EQ(GetErrorInfo(FromGrpc(ToGrpc(in))), GetErrorInfo(in));
}

INSTANTIATE_TEST_SUITE_P(
    All, RoundTripTest,
    ::testing::Values(
        Case{"Ok", absl::OkStatus()},
        Case{"TextOnly", absl::NotFoundError("no such thing")},
        Case{"Reason",
             MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                       "changed", {{"resource", "fleets/a"}, {"etag", ""}})},
        Case{"Delay",
             WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                                      reasons::kServerOverloaded, "busy",
                                      {{"limit", "9"}}),
                            absl::Milliseconds(1250))},
        Case{"DelayOnly",
             WithRetryAfter(absl::UnavailableError("away"), absl::Seconds(3))},
        Case{"Unicode", absl::NotFoundError("gerät – 設備")}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(StatusTest, EveryCodeSurvives) {
  for (int code = 1; code <= 16; ++code) {
    const auto in = static_cast<absl::StatusCode>(code);
    EXPECT_EQ(FromGrpc(ToGrpc(absl::Status(in, "text"))).code(), in);
  }
}

TEST(StatusTest, InternalAndUnknownKeepTheirTextInTheLog) {
  for (const auto code :
       {absl::StatusCode::kInternal, absl::StatusCode::kUnknown}) {
    telemetry::CaptureLogs logs;
    const grpc::Status wire = ToGrpc(
        MakeError(code, "SECRET_REASON", "pg: row x", {{"query", "select"}}));
    EXPECT_EQ(wire.error_message(), "internal error");
    EXPECT_THAT(wire.error_details(), Not(HasSubstr("pg")));
    EXPECT_THAT(wire.error_details(), Not(HasSubstr("select")));
    EXPECT_THAT(logs.lines(), ElementsAre(HasSubstr("pg: row x")));
  }
}

TEST(StatusTest, TheWireFormIsErrorInfoOfOurDomain) {
  const google::rpc::Status proto =
      ToProto(MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                        "changed", {{"resource", "fleets/a"}}));
  ASSERT_EQ(proto.details_size(), 1);
  EXPECT_EQ(proto.details(0).type_url(),
            "type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(proto.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "birthmark");
  EXPECT_EQ(info.reason(), "ETAG_MISMATCH");
  EXPECT_EQ(info.metadata().at("resource"), "fleets/a");
}

TEST(StatusTest, DetailsOfOthersAreDropped) {
  google::rpc::Status proto;
  proto.set_code(5);
  google::rpc::ErrorInfo info;
  info.set_domain("elsewhere");
  info.set_reason("X");
  proto.add_details()->PackFrom(info);
  proto.add_details()->set_type_url("type.googleapis.com/unknown.Thing");
  EXPECT_EQ(Reason(FromProto(proto)), "");
}

TEST(StatusTest, ACodeThatDoesNotExistIsUnknown) {
  google::rpc::Status proto;
  proto.set_code(4711);
  EXPECT_THAT(FromProto(proto), StatusIs(absl::StatusCode::kUnknown));
}

TEST(StatusTest, DetailsThatDoNotParseAreDropped) {
  EXPECT_EQ(FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "text",
                                  "\xff\xff\xff")),
            absl::NotFoundError("text"));
}

TEST(StatusTest, WhatACallerMadeLongIsCutToFitATrailer) {
  const std::string longer(100'000, 'x');
  const grpc::Status wire =
      ToGrpc(MakeError(absl::StatusCode::kInvalidArgument,
                       reasons::kBadResourceName, longer, {{"name", longer}}));
  EXPECT_THAT(wire.error_message().size() + wire.error_details().size(),
              Le(8000));
}

TEST(StatusTest, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(ToProto(absl::NotFoundError("a\xff\xc3z")).message(), "a??z");
}

}  // namespace
}  // namespace birthmark::rpc
