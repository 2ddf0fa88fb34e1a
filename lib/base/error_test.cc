#include "lib/base/error.h"

#include <string>

#include "absl/strings/cord.h"
#include "lib/base/testing.h"

namespace birthmark {
namespace {

constexpr auto kAborted = absl::StatusCode::kAborted;

absl::Status EtagMismatch() {
  return MakeError(kAborted, "ETAG_MISMATCH", "the device has changed",
                   {{"resource", "fleets/f/devices/d"}, {"state", "ACTIVE"}});
}

TEST(MakeErrorTest, KeepsCodeTextReasonAndMetadata) {
  const absl::Status status = EtagMismatch();
  EXPECT_EQ(status.code(), kAborted);
  EXPECT_EQ(status.message(), "the device has changed");
  const ErrorInfo want = {
      .reason = "ETAG_MISMATCH",
      .metadata = {{"resource", "fleets/f/devices/d"}, {"state", "ACTIVE"}},
  };
  EXPECT_EQ(GetErrorInfo(status), want);
  EXPECT_EQ(Reason(status), "ETAG_MISMATCH");
}

TEST(MakeErrorTest, KeepsBytesThatLookLikeTheEncoding) {
  const std::string odd("\0\0\0\1x\1", 6);
  const absl::Status status =
      MakeError(kAborted, odd, "text", {{odd, odd}, {"", ""}});
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->reason, odd);
  EXPECT_EQ(info->metadata.at(odd), odd);
  EXPECT_EQ(info->metadata.at(""), "");
}

TEST(ErrorInfoTest, IsMissingFromAPlainStatus) {
  EXPECT_EQ(GetErrorInfo(absl::AbortedError("x")), std::nullopt);
  EXPECT_EQ(Reason(absl::AbortedError("x")), "");
  EXPECT_EQ(Reason(absl::OkStatus()), "");
}

TEST(ErrorInfoTest, IsMissingIfThePayloadIsCutShort) {
  const std::string whole(*EtagMismatch().GetPayload(kErrorInfoTypeUrl));
  // A cut between two entries is a shorter list; any other is no payload.
  int readable = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    absl::Status status = absl::AbortedError("x");
    status.SetPayload(kErrorInfoTypeUrl, absl::Cord(whole.substr(0, size)));
    readable += GetErrorInfo(status).has_value() ? 1 : 0;
  }
  EXPECT_EQ(readable, 2);
}

TEST(WithRetryAfterTest, KeepsReasonAndMetadata) {
  const absl::Status status =
      WithRetryAfter(EtagMismatch(), absl::Milliseconds(1500));
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(info->reason, "ETAG_MISMATCH");
  EXPECT_EQ(info->metadata.size(), 2u);
}

TEST(WithRetryAfterTest, WorksWithoutAReason) {
  const absl::Status status =
      WithRetryAfter(absl::UnavailableError("x"), absl::Seconds(2));
  EXPECT_EQ(Reason(status), "");
  EXPECT_EQ(GetErrorInfo(status)->retry_after, absl::Seconds(2));
}

TEST(WithRetryAfterTest, LeavesOkAlone) {
  EXPECT_EQ(WithRetryAfter(absl::OkStatus(), absl::Seconds(2)),
            absl::OkStatus());
}

TEST(WithMetadataTest, AddsButDoesNotReplace) {
  absl::Status status = WithMetadata(EtagMismatch(), "rule", "r");
  status = WithMetadata(status, "state", "other");
  EXPECT_THAT(status, HasMetadata("rule", "r"));
  EXPECT_THAT(status, HasMetadata("state", "ACTIVE"));
}

}  // namespace
}  // namespace birthmark
