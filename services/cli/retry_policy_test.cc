#include "services/cli/retry_policy.h"

#include <string>

#include "lib/base/error.h"
#include "lib/base/testing.h"

namespace birthmark::cli {
namespace {

enum class Kind { kPassing, kFault, kFinal };

struct Case {
  const char* name;
  absl::StatusCode code;
  const char* reason;
  Kind want;
};
class RetryPolicyTest : public testing::TestWithParam<Case> {};

TEST_P(RetryPolicyTest, TellsWhatPasses) {
  const absl::Status status =
      MakeError(GetParam().code, GetParam().reason, "text");
  EXPECT_EQ(IsPassing(status), GetParam().want == Kind::kPassing);
  EXPECT_EQ(IsFault(status), GetParam().want == Kind::kFault);
}

INSTANTIATE_TEST_SUITE_P(
    All, RetryPolicyTest,
    testing::Values(
        Case{"Gone", absl::StatusCode::kUnavailable, "", Kind::kPassing},
        Case{"SignerOffline", absl::StatusCode::kUnavailable, "SIGNER_OFFLINE",
             Kind::kPassing},
        Case{"Conflict", absl::StatusCode::kAborted, "TRANSACTION_CONFLICT",
             Kind::kPassing},
        Case{"Late", absl::StatusCode::kDeadlineExceeded, "", Kind::kPassing},
        Case{"Overloaded", absl::StatusCode::kResourceExhausted,
             "SERVER_OVERLOADED", Kind::kPassing},
        Case{"QuotaSpent", absl::StatusCode::kResourceExhausted,
             "LINE_QUOTA_EXCEEDED", Kind::kFinal},
        Case{"Internal", absl::StatusCode::kInternal, "", Kind::kFault},
        Case{"StreamRemoved", absl::StatusCode::kUnknown, "", Kind::kFault},
        Case{"WrongCertificate", absl::StatusCode::kInternal,
             "WRONG_CERTIFICATE", Kind::kFinal},
        Case{"Refused", absl::StatusCode::kPermissionDenied, "LINE_NOT_OWNED",
             Kind::kFinal},
        Case{"Disabled", absl::StatusCode::kFailedPrecondition, "LINE_DISABLED",
             Kind::kFinal},
        Case{"Bad", absl::StatusCode::kInvalidArgument, "CSR_MALFORMED",
             Kind::kFinal}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(BackoffTest, TheBoundDoublesUpToTheMaximum) {
  Backoff backoff(absl::Seconds(1), absl::Seconds(10));
  const absl::Status why = absl::UnavailableError("gone");
  for (const int bound : {1, 2, 4, 8, 10, 10}) {
    const absl::Duration pause = backoff.Next(why);
    EXPECT_GE(pause, absl::Seconds(bound) / 2);
    EXPECT_LE(pause, absl::Seconds(bound));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(why), absl::Seconds(1));
}

TEST(BackoffTest, ManyAttemptsDoNotOverflow) {
  Backoff backoff(absl::Seconds(1), absl::Hours(1));
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(backoff.Next(absl::UnavailableError("gone")), absl::Hours(1));
  }
}

TEST(BackoffTest, TheServiceMayAskForMore) {
  Backoff backoff(absl::Milliseconds(1), absl::Milliseconds(10));
  const absl::Duration pause = backoff.Next(
      WithRetryAfter(absl::UnavailableError("busy"), absl::Seconds(30)));
  EXPECT_GE(pause, absl::Seconds(30));
  EXPECT_LE(pause, absl::Seconds(30) * 1.25);
}

TEST(BusyTest, IsWhatTheServiceSaysOfItself) {
  EXPECT_TRUE(IsBusy(MakeError(absl::StatusCode::kResourceExhausted,
                               "SERVER_OVERLOADED", "text")));
  EXPECT_TRUE(IsBusy(MakeError(absl::StatusCode::kResourceExhausted,
                               "TOO_MANY_IN_FLIGHT", "text")));
  EXPECT_FALSE(IsBusy(MakeError(absl::StatusCode::kResourceExhausted,
                                "LINE_QUOTA_EXCEEDED", "text")));
  EXPECT_FALSE(IsBusy(absl::UnavailableError("gone")));
}

}  // namespace
}  // namespace birthmark::cli
