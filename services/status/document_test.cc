#include "services/status/document.h"

#include "lib/base/testing.h"
#include "lib/http/testing.h"
#include "lib/x509/testing.h"

namespace birthmark::status {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kMaxAge = absl::Seconds(60);

class DocumentTest : public testing::Test {
 protected:
  http::Response Get(const std::shared_ptr<const Document>& document,
                     absl::Time now) {
    request_.method = http::Method::kGet;
    return Serve(request_, document, now, kMaxAge);
  }

  const absl::Time start_ = x509::TestTime();
  const absl::Time end_ = start_ + absl::Hours(1);
  const std::shared_ptr<const Document> document_ =
      MakeDocument("body", "text/x", start_, end_, kMaxAge);
  http::Request request_;
};

TEST_F(DocumentTest, IsSentAsItLies) {
  const http::Response response = Get(document_, start_);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.get(), &document_->body);
  EXPECT_EQ(response.headers.get(), &document_->headers);
  EXPECT_EQ(*response.headers,
            "Content-Type: text/x\r\nETag: " + document_->etag +
                "\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                "Expires: Thu, 01 Jan 2026 01:00:00 GMT\r\n"
                "Cache-Control: max-age=60, public, no-transform, "
                "must-revalidate\r\n");
  EXPECT_THAT(document_->etag, testing::MatchesRegex("\"[0-9a-f]{24}\""));
}

TEST_F(DocumentTest, CachesKeepItNoLongerThanItLasts) {
  EXPECT_THAT(*Get(document_, end_ - kMaxAge).headers,
              HasSubstr("max-age=60,"));
  EXPECT_THAT(*Get(document_, end_ - absl::Seconds(59)).headers,
              HasSubstr("max-age=59,"));
  EXPECT_THAT(*Get(document_, end_ - absl::Milliseconds(1)).headers,
              HasSubstr("max-age=0,"));
}

TEST_F(DocumentTest, WithoutAnEndItIsGoodForMaxAge) {
  const auto endless =
      MakeDocument("body", "text/x", start_, absl::InfiniteFuture(), kMaxAge);
  const std::string headers =
      http::HeadersOf(Get(endless, start_ + absl::Hours(5)));
  EXPECT_THAT(headers, HasSubstr("Expires: Thu, 01 Jan 2026 05:01:00 GMT\r\n"));
  EXPECT_THAT(headers, HasSubstr("max-age=60,"));
}

TEST_F(DocumentTest, WhoHasItIsToldSo) {
  request_.if_none_match = document_->etag;
  const http::Response response = Get(document_, start_);
  EXPECT_EQ(response.status, 304);
  EXPECT_EQ(response.body, nullptr);
  EXPECT_THAT(http::HeadersOf(response), HasSubstr(document_->etag));
  request_.if_none_match = "\"other\"";
  EXPECT_EQ(Get(document_, start_).status, 200);
  request_.if_none_match = "";
  request_.if_modified_since = "Thu, 01 Jan 2026 00:00:00 GMT";
  EXPECT_EQ(Get(document_, start_).status, 304);
  request_.if_modified_since = "Wed, 31 Dec 2025 23:59:59 GMT";
  EXPECT_EQ(Get(document_, start_).status, 200);
}

TEST_F(DocumentTest, APostHasNoConditions) {
  request_.if_none_match = document_->etag;
  request_.method = http::Method::kPost;
  EXPECT_EQ(Serve(request_, document_, start_, kMaxAge).status, 200);
}

TEST_F(DocumentTest, CountsItsMemory) {
  const auto large =
      MakeDocument(std::string(10000, 'x'), "text/x", start_, end_, kMaxAge);
  EXPECT_GT(large->bytes(), 10000);
  EXPECT_LT(large->bytes(), 11000);
  EXPECT_NE(large->etag, document_->etag);
}

}  // namespace
}  // namespace birthmark::status
