#include "services/registration/line_access.h"

#include <memory>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::registration {
namespace {

struct Case {
  const char* name;
  options::v1::Role role;
  const char* fleet;
  const char* caller;
  bool may;
};

class AuthorizeLineTest : public testing::TestWithParam<Case> {};

TEST_P(AuthorizeLineTest, LetsTheOwnerAndOperatorsIn) {
  auto caller = std::make_shared<rpc::Caller>();
  caller->role = GetParam().role;
  caller->fleet = GetParam().fleet;
  caller->name = GetParam().caller;
  const rpc::CallContext context(caller, "method", absl::InfiniteFuture());
  const absl::Status status = AuthorizeLine(context, {"acme", "l1"});
  if (GetParam().may) {
    EXPECT_OK(status);
  } else {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied,
                                 reasons::kLineNotOwned));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AuthorizeLineTest,
    testing::Values(
        Case{"Owner", options::v1::ROLE_LINE, "acme", "l1", true},
        Case{"OtherLine", options::v1::ROLE_LINE, "acme", "l2", false},
        Case{"OtherFleet", options::v1::ROLE_LINE, "other", "l1", false},
        Case{"Operator", options::v1::ROLE_OPERATOR, "", "ada", true}),
    [](const auto& info) { return info.param.name; });

TEST(LineNameTest, ReadsWhatItWrites) {
  ASSERT_OK_AND_ASSIGN(
      const BatchName name,
      ParseBatchName("fleets/acme/lines/l1/batches/b1", "name"));
  EXPECT_EQ(name.Format(), "fleets/acme/lines/l1/batches/b1");
  EXPECT_EQ(name.line.Format(), "fleets/acme/lines/l1");
  EXPECT_THAT(
      ParseLineName("fleets/-/lines/l1", "name"),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

}  // namespace
}  // namespace birthmark::registration
