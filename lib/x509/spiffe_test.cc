#include "lib/x509/spiffe.h"

#include "lib/base/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::Eq;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

struct GoodCase {
  const char* name;
  const char* uri;
  SpiffeId id;
};
class GoodSpiffeIdTest : public ::testing::TestWithParam<GoodCase> {};
TEST_P(GoodSpiffeIdTest, IsReadAndWritten) {
  EXPECT_THAT(SpiffeId::Parse(GetParam().uri), IsOkAndHolds(Eq(GetParam().id)));
  EXPECT_THAT(GetParam().id.ToUri(), IsOkAndHolds(GetParam().uri));
}
const GoodCase kGoodSpiffeIdCases[] = {
    {"Service",
     "spiffe://example.test/service/ca",
     {"example.test", SpiffeKind::kService, "", "ca"}},
    {"Operator",
     "spiffe://td-1_x/operator/Alice.B",
     {"td-1_x", SpiffeKind::kOperator, "", "Alice.B"}},
    {"EnforcementPoint",
     "spiffe://t/enforcement-point/broker-1",
     {"t", SpiffeKind::kEnforcementPoint, "", "broker-1"}},
    {"Line",
     "spiffe://t/fleet/f-1/line/l-2",
     {"t", SpiffeKind::kLine, "f-1", "l-2"}},
    {"Device",
     "spiffe://t/fleet/f/device/"
     "0197a000-0000-7000-8000-000000000001",
     {"t", SpiffeKind::kDevice, "f", "0197a000-0000-7000-8000-000000000001"}}};
INSTANTIATE_TEST_SUITE_P(All, GoodSpiffeIdTest,
                         ::testing::ValuesIn(kGoodSpiffeIdCases),
                         [](const auto& info) { return info.param.name; });

struct BadCase {
  const char* name;
  std::string uri;
};
class BadSpiffeIdTest : public ::testing::TestWithParam<BadCase> {};
TEST_P(BadSpiffeIdTest, IsRefused) {
  EXPECT_THAT(SpiffeId::Parse(GetParam().uri),
              StatusIs(kInvalid, "SPIFFE_ID_INVALID"));
}
const BadCase kBadSpiffeIdCases[] = {
    {"Empty", ""},
    {"OtherScheme", "https://t/service/ca"},
    {"UpperCaseScheme", "SPIFFE://t/service/ca"},
    {"NoTrustDomain", "spiffe:///service/ca"},
    {"UpperCaseTrustDomain", "spiffe://T/service/ca"},
    {"Port", "spiffe://t:80/service/ca"},
    {"User", "spiffe://u@t/service/ca"},
    {"Query", "spiffe://t/service/ca?x"},
    {"Fragment", "spiffe://t/service/ca#x"},
    {"Percent", "spiffe://t/service/c%61"},
    {"EmptySegment", "spiffe://t//service/ca"},
    {"TrailingSlash", "spiffe://t/service/ca/"},
    {"DotSegment", "spiffe://t/service/."},
    {"DotDotSegment", "spiffe://t/fleet/../line/x"},
    {"Blank", "spiffe://t/service/c a"},
    {"Nul", std::string("spiffe://t/service/ca\0", 22)},
    {"NoPath", "spiffe://t"},
    {"EnforcementPointOfAFleet", "spiffe://t/fleet/f/enforcement-point/x"},
    {"UnknownKind", "spiffe://t/robot/x"},
    {"FleetAlone", "spiffe://t/fleet/f"},
    {"UnknownPartOfFleet", "spiffe://t/fleet/f/robot/x"},
    {"TooDeep", "spiffe://t/service/ca/x"},
    {"LongTrustDomain", "spiffe://" + std::string(256, 'a') + "/service/ca"},
    {"LongUri", "spiffe://t/service/" + std::string(2048, 'a')}};
INSTANTIATE_TEST_SUITE_P(All, BadSpiffeIdTest,
                         ::testing::ValuesIn(kBadSpiffeIdCases),
                         [](const auto& info) { return info.param.name; });

TEST(SpiffeIdTest, FieldsThatDoNotFitAreNotWritten) {
  const SpiffeId good{"t", SpiffeKind::kLine, "f", "l"};
  SpiffeId id = good;
  id.name = "a/b";
  EXPECT_THAT(id.ToUri(), StatusIs(kInvalid, "SPIFFE_ID_INVALID"));
  id = good;
  id.fleet = "";
  EXPECT_THAT(id.ToUri(), StatusIs(kInvalid, "SPIFFE_ID_INVALID"));
  id = good;
  id.trust_domain = "T";
  EXPECT_THAT(id.ToUri(), StatusIs(kInvalid, "SPIFFE_ID_INVALID"));
  id = good;
  id.kind = SpiffeKind::kService;
  EXPECT_THAT(id.ToUri(), StatusIs(kInvalid, "SPIFFE_ID_INVALID"));
}

}  // namespace
}  // namespace birthmark::x509
