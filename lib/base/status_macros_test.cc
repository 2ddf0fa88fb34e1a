#include "lib/base/status_macros.h"

#include <memory>
#include <string>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

absl::StatusOr<std::unique_ptr<int>> Half(int number) {
  if (number % 2 != 0) {
    return absl::InvalidArgumentError("odd");
  }
  return std::make_unique<int>(number / 2);
}

absl::StatusOr<std::string> QuarterAsText(int number) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::unique_ptr<int> half, Half(number));
  BIRTHMARK_ASSIGN_OR_RETURN(half, Half(*half));
  return std::to_string(*half);
}

absl::Status Check(int number, bool& went_on) {
  BIRTHMARK_RETURN_IF_ERROR(Half(number).status());
  went_on = true;
  return absl::OkStatus();
}

TEST(AssignOrReturnTest, MovesTheValueOut) {
  EXPECT_THAT(QuarterAsText(12), IsOkAndHolds("3"));
}

TEST(AssignOrReturnTest, ReturnsTheErrorOfTheDeclaringUse) {
  EXPECT_THAT(QuarterAsText(3), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(AssignOrReturnTest, ReturnsTheErrorOfTheAssigningUse) {
  EXPECT_THAT(QuarterAsText(6), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReturnIfErrorTest, GoesOnAfterOkAlone) {
  bool went_on = false;
  EXPECT_THAT(Check(3, went_on), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(went_on);
  EXPECT_OK(Check(4, went_on));
  EXPECT_TRUE(went_on);
}

}  // namespace
}  // namespace birthmark
