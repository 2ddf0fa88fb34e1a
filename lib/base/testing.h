// Testing: gtest, gmock, and matchers for absl::Status and absl::StatusOr.
//
//   EXPECT_THAT(store.Insert(row), IsOk());
//   EXPECT_THAT(Parse(der), StatusIs(absl::StatusCode::kInvalidArgument,
//                                    reasons::kCsrMalformed));
//   ASSERT_OK_AND_ASSIGN(Csr csr, Parse(der));
//
// There is deliberately no "is not OK": name the error that you expect.

#ifndef BIRTHMARK_LIB_BASE_TESTING_H_
#define BIRTHMARK_LIB_BASE_TESTING_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"

namespace birthmark {

inline const absl::Status& AsStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& AsStatus(const absl::StatusOr<T>& value) {
  return value.status();
}

// IsOk matches an OK absl::Status or absl::StatusOr.
MATCHER(IsOk, "is OK") {
  *result_listener << "is " << AsStatus(arg).ToString();
  return AsStatus(arg).ok();
}

// IsOkAndHolds matches an OK absl::StatusOr whose value matches `matcher`.
MATCHER_P(IsOkAndHolds, matcher, "is OK and holds the value") {
  if (!arg.ok()) {
    *result_listener << "is " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, arg.value(), result_listener);
}

inline bool StatusMatches(const absl::Status& status, absl::StatusCode code,
                          const std::string* reason, std::ostream* out) {
  const std::string found = Reason(status);
  if (out != nullptr) {
    *out << "is " << status.ToString(absl::StatusToStringMode::kWithNoExtraData)
         << " with reason \"" << found << "\"";
  }
  return status.code() == code && (reason == nullptr || found == *reason);
}

MATCHER_P(StatusIsCode, code, "") {
  return StatusMatches(AsStatus(arg), code, nullptr, result_listener->stream());
}
MATCHER_P2(StatusIsCodeAndReason, code, reason, "") {
  return StatusMatches(AsStatus(arg), code, &reason, result_listener->stream());
}

// StatusIs matches a status, or the status of a StatusOr, that has `code` and,
// where given, carries `reason`.
inline auto StatusIs(absl::StatusCode code) { return StatusIsCode(code); }
inline auto StatusIs(absl::StatusCode code, absl::string_view reason) {
  return StatusIsCodeAndReason(code, std::string(reason));
}

// HasMetadata matches a status that carries `key` with `value`.
MATCHER_P2(HasMetadata, key, value, "") {
  const auto info = ::birthmark::GetErrorInfo(AsStatus(arg));
  if (!info.has_value()) {
    *result_listener << "carries no error info";
    return false;
  }
  const auto found = info->metadata.find(key);
  if (found == info->metadata.end()) {
    *result_listener << "has no such metadata key";
    return false;
  }
  *result_listener << "has the value " << found->second;
  return found->second == value;
}

}  // namespace birthmark

#define ASSERT_OK(expr) ASSERT_THAT(expr, ::birthmark::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::birthmark::IsOk())

// ASSERT_OK_AND_ASSIGN ends the test unless `rexpr` is OK, and moves its value
// into `lhs`, which may declare a variable.
#define ASSERT_OK_AND_ASSIGN(lhs, rexpr) \
  BIRTHMARK_ASSERT_OK_AND_ASSIGN_IMPL_(  \
      BIRTHMARK_STATUS_CONCAT_(birthmark_test_or_, __LINE__), lhs, rexpr)
#define BIRTHMARK_ASSERT_OK_AND_ASSIGN_IMPL_(statusor, lhs, rexpr) \
  auto statusor = (rexpr);                                         \
  ASSERT_THAT(statusor, ::birthmark::IsOk());                      \
  lhs = std::move(statusor).value()

#endif  // BIRTHMARK_LIB_BASE_TESTING_H_
