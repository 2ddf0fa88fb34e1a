#include "lib/rpc/page.h"

#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(PageSizeTest, HasADefaultACapAndNoNegativeValues) {
  EXPECT_THAT(PageSize(0), IsOkAndHolds(50));
  EXPECT_THAT(PageSize(1), IsOkAndHolds(1));
  EXPECT_THAT(PageSize(1000), IsOkAndHolds(1000));
  EXPECT_THAT(PageSize(2'000'000'000), IsOkAndHolds(1000));
  EXPECT_THAT(PageSize(-1), StatusIs(kInvalid, reasons::kInvalidField));
}

class PageTokenTest : public ::testing::Test {
 protected:
  PageTokenCodec codec_{"dsn"};
  fleet::v1::ListFleetsRequest request_;
};

TEST_F(PageTokenTest, TheFirstPageHasNoCursor) {
  EXPECT_THAT(codec_.Open(request_), IsOkAndHolds(""));
}

TEST_F(PageTokenTest, ATokenLeadsOnWithAnyPageSize) {
  request_.set_page_token(codec_.Seal("cursor", request_));
  request_.set_page_size(7);
  EXPECT_THAT(codec_.Open(request_), IsOkAndHolds("cursor"));
  EXPECT_THAT(request_.page_token(), Not(HasSubstr("cursor")));
}

TEST_F(PageTokenTest, AReplicaWithTheSameSecretOpensIt) {
  request_.set_page_token(codec_.Seal("cursor", request_));
  EXPECT_THAT(PageTokenCodec("dsn").Open(request_), IsOkAndHolds("cursor"));
  EXPECT_THAT(PageTokenCodec("other").Open(request_),
              StatusIs(kInvalid, reasons::kPageTokenMismatch));
}

TEST_F(PageTokenTest, AnotherQueryIsAMismatch) {
  device::v1::ListDevicesRequest list;
  list.set_parent("fleets/a");
  const std::string token = codec_.Seal("cursor", list);
  list.set_page_token(token);
  EXPECT_THAT(codec_.Open(list), IsOkAndHolds("cursor"));
  list.set_parent("fleets/b");
  EXPECT_THAT(codec_.Open(list),
              StatusIs(kInvalid, reasons::kPageTokenMismatch));
  request_.set_page_token(token);
  EXPECT_THAT(codec_.Open(request_),
              StatusIs(kInvalid, reasons::kPageTokenMismatch));
}

TEST_F(PageTokenTest, SpoiledTokensAreAMismatch) {
  const std::string token = codec_.Seal("cursor", request_);
  for (const std::string& spoiled :
       {std::string("x"), std::string("!!!!"), token.substr(1),
        token.substr(0, token.size() - 4), std::string(100'000, 'A')}) {
    request_.set_page_token(spoiled);
    EXPECT_THAT(codec_.Open(request_),
                StatusIs(kInvalid, reasons::kPageTokenMismatch));
  }
}

TEST_F(PageTokenTest, AMessageWithoutPageTokenIsAMistakeOfOurs) {
  EXPECT_THAT(codec_.Open(fleet::v1::Fleet()),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace birthmark::rpc
