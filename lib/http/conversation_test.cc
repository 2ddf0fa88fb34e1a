#include "lib/http/conversation.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "lib/http/response.h"

namespace birthmark::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kGet[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

std::string Text(const Output& output) {
  iovec entries[1024];
  const size_t filled = output.Gather(entries, 1024);
  std::string text;
  for (size_t i = 0; i < filled; ++i) {
    text.append(static_cast<const char*>(entries[i].iov_base),
                entries[i].iov_len);
  }
  return text;
}

// Seen is a request, kept.
struct Seen {
  Method method;
  std::string path, query, content_type, if_none_match, if_modified_since, body;
};

class ConversationTest : public ::testing::Test {
 protected:
  // The path /later is answered when the test says so, /drop never.
  void Handle(const Request& request, Responder responder) {
    seen_.push_back(
        {request.method, std::string(request.path), std::string(request.query),
         std::string(request.content_type), std::string(request.if_none_match),
         std::string(request.if_modified_since), std::string(request.body)});
    if (request.path == "/later") {
      kept_.push_back(std::move(responder));
    } else if (request.path == "/304") {
      responder.Send(NotModified(Shared("ETag: \"e\"\r\n")));
    } else if (request.path == "/close") {
      Response response = TextResponse(200, "bye");
      response.close = true;
      responder.Send(response);
    } else if (request.path != "/drop") {
      responder.Send(TextResponse(200, absl::StrCat("at ", request.path)));
    }
  }

  void Feed(absl::string_view bytes) {
    while (!bytes.empty() && conversation_.WantsInput()) {
      const Conversation::Room room = conversation_.NewRoom();
      const size_t size = std::min(room.size, bytes.size());
      std::memcpy(room.data, bytes.data(), size);
      conversation_.Received(size);
      bytes.remove_prefix(size);
      while (conversation_.Advance(output_)) {
      }
    }
  }

  std::string TakeOutput() {
    const std::string text = Text(output_);
    output_.Clear();
    return text;
  }

  std::string Exchange(absl::string_view bytes) {
    Feed(bytes);
    return TakeOutput();
  }

  void Deliver() {
    std::vector<Inbox::Answered> answers;
    inbox_->Take(answers);
    for (Inbox::Answered& answered : answers) {
      conversation_.Answered(answered.sequence, std::move(answered.response),
                             output_);
    }
  }

  int wakes_ = 0;
  std::vector<Seen> seen_;
  std::vector<Responder> kept_;
  const Handler handler_ = [this](const Request& request, Responder responder) {
    Handle(request, std::move(responder));
  };
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>([this] { ++wakes_; });
  const Conversation::Shared shared_{
      {{1024, 2048}, 4}, handler_, inbox_, "Date: today\r\n"};
  Conversation conversation_{shared_, 7};
  Output output_;
};

TEST_F(ConversationTest, AnAnswerHasItsFrame) {
  EXPECT_EQ(Exchange(kGet),
            "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 6\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Cache-Control: no-store\r\n\r\nat /a\n");
  EXPECT_FALSE(conversation_.ended());
  EXPECT_EQ(wakes_, 0);
}

TEST_F(ConversationTest, ARequestIsHandedOverInParts) {
  Exchange(
      "POST http://host:80/p/q?r=s?t HTTP/1.1\r\nHost: x\r\n"
      "content-TYPE:  application/ocsp-request \r\nIf-None-Match: \"e\"\r\n"
      "If-Modified-Since: then\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].method, Method::kPost);
  EXPECT_EQ(seen_[0].path, "/p/q");
  EXPECT_EQ(seen_[0].query, "r=s?t");
  EXPECT_EQ(seen_[0].content_type, "application/ocsp-request");
  EXPECT_EQ(seen_[0].if_none_match, "\"e\"");
  EXPECT_EQ(seen_[0].if_modified_since, "then");
  EXPECT_EQ(seen_[0].body, "abc");
}

TEST_F(ConversationTest, ChunksBecomeABodyHoweverTheyArrive) {
  const std::string request =
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n5\r\ndefgh\r\n0\r\nTrailer: t\r\n\r\n";
  Feed(request);
  for (const char c : request) {
    Feed(absl::string_view(&c, 1));
  }
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_EQ(seen_[0].body, "abcdefgh");
  EXPECT_EQ(seen_[1].body, "abcdefgh");
}

TEST_F(ConversationTest, AnswersComeInTheOrderOfTheRequests) {
  Feed(
      "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(TakeOutput(), "");
  ASSERT_EQ(kept_.size(), 2u);
  kept_[1].Send(TextResponse(200, "third"));
  Deliver();
  EXPECT_EQ(TakeOutput(), "");
  kept_[0].Send(TextResponse(200, "first"));
  Deliver();
  const std::string text = TakeOutput();
  EXPECT_LT(text.find("first"), text.find("at /b"));
  EXPECT_LT(text.find("at /b"), text.find("third"));
  EXPECT_NE(text.find("third"), std::string::npos);
  EXPECT_FALSE(conversation_.in_flight());
}

TEST_F(ConversationTest, OnlySoManyRequestsAreInFlight) {
  std::string many;
  for (int i = 0; i < 6; ++i) {
    many += "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  Feed(many);
  EXPECT_EQ(kept_.size(), 4u);
  EXPECT_FALSE(conversation_.WantsInput());
  kept_[0].Send(Response());
  Deliver();
  EXPECT_TRUE(conversation_.WantsInput());
  EXPECT_FALSE(conversation_.Advance(output_));
  EXPECT_EQ(kept_.size(), 5u);
}

TEST_F(ConversationTest, ADroppedResponderIsAnInternalError) {
  EXPECT_THAT(Exchange("GET /drop HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
  Feed("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  kept_.clear();
  Deliver();
  EXPECT_THAT(TakeOutput(), StartsWith("HTTP/1.1 500 "));
}

TEST_F(ConversationTest, HeadAndNotModifiedHaveNoBody) {
  const std::string head = Exchange("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("at /a")));
  EXPECT_EQ(Exchange("GET /304 HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HTTP/1.1 304 Not Modified\r\nDate: today\r\nETag: \"e\"\r\n\r\n");
}

TEST_F(ConversationTest, Http10EndsUnlessItAsksToGoOn) {
  EXPECT_THAT(Exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(conversation_.ended());
  EXPECT_THAT(Exchange("GET /a HTTP/1.0\r\n\r\n"),
              HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(ConversationTest, NothingIsReadBehindTheLastRequest) {
  Feed(absl::StrCat("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                    kGet));
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_TRUE(conversation_.ended());
  EXPECT_FALSE(conversation_.WantsInput());
}

TEST_F(ConversationTest, AHandlerMayEndTheConversation) {
  EXPECT_THAT(
      Exchange(absl::StrCat("GET /close HTTP/1.1\r\nHost: x\r\n\r\n", kGet)),
      HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(conversation_.ended());
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(ConversationTest, AnAnswerThatClosesDropsThoseBehindIt) {
  Feed(
      "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  Response last = TextResponse(200, "last");
  last.close = true;
  kept_[0].Send(last);
  kept_[1].Send(TextResponse(200, "behind"));
  Deliver();
  EXPECT_THAT(TakeOutput(), Not(HasSubstr("behind")));
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(ConversationTest, ContinueIsSaidOnceToWhoWaitsForIt) {
  EXPECT_EQ(Exchange("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     "Content-Length: 2\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(Exchange("a"), "");
  EXPECT_THAT(Exchange("b"), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(Exchange("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                       "Content-Length: 1\r\n\r\nc"),
              StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ConversationTest, AnEmptyLineBeforeARequestIsSkipped) {
  EXPECT_THAT(Exchange(absl::StrCat("\r\n", kGet)),
              StartsWith("HTTP/1.1 200 OK"));
  Feed("\r");
  Feed("\n");
  EXPECT_FALSE(conversation_.mid_request());
  EXPECT_THAT(Exchange(kGet), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ConversationTest, ARequestThatTakesTooLongIsAnswered408) {
  Feed("GET /a HT");
  conversation_.TimeOut(output_);
  EXPECT_THAT(TakeOutput(), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(ConversationTest, EndSoonLetsWhatWasAskedBeAnswered) {
  Feed(absl::StrCat("GET /later HTTP/1.1\r\nHost: x\r\n\r\n", "GET /par"));
  conversation_.EndSoon();
  EXPECT_FALSE(conversation_.ended());
  kept_[0].Send(TextResponse(200, "late"));
  Deliver();
  EXPECT_THAT(TakeOutput(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(ConversationTest, EndSoonWaitsForTheRestOfARequest) {
  Feed("GET /a HT");
  conversation_.EndSoon();
  EXPECT_FALSE(conversation_.ended());
  EXPECT_THAT(Exchange("TP/1.1\r\nHost: x\r\n\r\n"),
              HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(ConversationTest, LargeBodiesAreSentInPiecesOfAnySize) {
  Response large;
  large.body = Shared(std::string(5000, 'b'));
  Output whole;
  for (int i = 0; i < 3; ++i) {
    whole.Append(large, Framing());
    whole.AppendText("|");
  }
  const std::string expected = Text(whole);
  EXPECT_EQ(expected.size(), whole.size());
  for (const size_t step : {1u, 7u, 4999u, 20000u}) {
    Output output;
    for (int i = 0; i < 3; ++i) {
      output.Append(large, Framing());
      output.AppendText("|");
    }
    size_t at = 0;
    while (!output.empty()) {
      ASSERT_EQ(Text(output), expected.substr(at)) << step;
      const size_t sent = std::min(step, output.size());
      output.Sent(sent);
      at += sent;
      if (step == 1) {
        output.Sent(std::min<size_t>(97, output.size()));
        at = expected.size() - output.size();
      }
    }
  }
}

struct BadCase {
  const char* name;
  std::string bytes;
  int status;
};

class BadRequestTest : public ConversationTest,
                       public ::testing::WithParamInterface<BadCase> {};

TEST_P(BadRequestTest, IsAnsweredAndEndsTheConversation) {
  EXPECT_THAT(Exchange(GetParam().bytes),
              StartsWith(absl::StrCat("HTTP/1.1 ", GetParam().status, " ")));
  EXPECT_TRUE(conversation_.ended());
  EXPECT_TRUE(conversation_.unread());
  EXPECT_TRUE(seen_.empty());
}

std::string Post(absl::string_view fields, absl::string_view body = "") {
  return absl::StrCat("POST /a HTTP/1.1\r\nHost: x\r\n", fields, "\r\n", body);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequestTest,
    ::testing::Values(
        BadCase{"Garbage", "\x16\x03\x01\x02\r\n\r\n", 400},
        BadCase{"NoTarget", "GET\r\n\r\n", 400},
        BadCase{"NoVersion", "GET /\r\n\r\n", 400},
        BadCase{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        BadCase{"RelativeTarget", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadCase{"Authority", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadCase{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        BadCase{"TwoHosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
                400},
        BadCase{"SpaceBeforeColon",
                Post("Content-Length : 1\r\n", "a"), 400},
        BadCase{"FoldedLine", Post("X: a\r\n b\r\n"), 400},
        BadCase{"BareLineFeed", "GET / HTTP/1.1\nHost: x\n\n", 400},
        BadCase{"LengthAndCoding",
                Post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                     "0\r\n\r\n"),
                400},
        BadCase{"CodingAndLength",
                Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                     "0\r\n\r\n"),
                400},
        BadCase{"TwoEqualLengths",
                Post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400},
        BadCase{"TwoLengths",
                Post("Content-Length: 1\r\nContent-Length: 2\r\n", "a"), 400},
        BadCase{"ListOfLengths", Post("Content-Length: 1, 1\r\n", "a"), 400},
        BadCase{"SignedLength", Post("Content-Length: +1\r\n", "a"), 400},
        BadCase{"NegativeLength", Post("Content-Length: -1\r\n", "a"), 400},
        BadCase{"LengthOverflow",
                Post("Content-Length: 18446744073709551617\r\n", "a"), 400},
        BadCase{"EmptyLength", Post("Content-Length: \r\n"), 400},
        BadCase{"TwoCodings",
                Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400},
        BadCase{"UnknownCoding", Post("Transfer-Encoding: gzip\r\n"), 400},
        BadCase{"SplitCoding",
                Post("Transfer-Encoding: \r\n chunked\r\n", "0\r\n\r\n"), 400},
        BadCase{"CodingInHttp10",
                "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
                "0\r\n\r\n",
                400},
        BadCase{"BadChunkSize",
                Post("Transfer-Encoding: chunked\r\n", "x\r\n\r\n\r\n"), 400},
        BadCase{"ChunkSizeOverflow",
                Post("Transfer-Encoding: chunked\r\n",
                     "10000000000000001\r\na\r\n"),
                400},
        BadCase{"NoLineEndBehindChunk",
                Post("Transfer-Encoding: chunked\r\n", "1\r\nabc\r\n0\r\n\r\n"),
                400},
        BadCase{"LargeHeader", Post(absl::StrCat("X: ", std::string(1100, 'x'),
                                                 "\r\n")),
                431},
        BadCase{"LargeUnfinishedHeader",
                absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(1100, 'x')),
                431},
        BadCase{"ManyFields",
                [] {
                  std::string fields;
                  for (int i = 0; i < 300; ++i) {
                    fields += "X: y\r\n";
                  }
                  return Post(fields);
                }(),
                431},
        BadCase{"LargeTarget",
                absl::StrCat("GET /", std::string(2000, 'a'),
                             " HTTP/1.1\r\nHost: x\r\n\r\n"),
                431},
        BadCase{"LargeBody", Post("Content-Length: 2049\r\n"), 413},
        BadCase{"LargeChunk",
                Post("Transfer-Encoding: chunked\r\n", "801\r\n"), 413},
        BadCase{"ManyChunks",
                [] {
                  std::string chunks;
                  for (int i = 0; i < 2000; ++i) {
                    chunks += "1;extension\r\na\r\n";
                  }
                  return Post("Transfer-Encoding: chunked\r\n", chunks);
                }(),
                413}),
    [](const auto& info) { return info.param.name; });

TEST_F(ConversationTest, ABadRequestIsAnsweredAfterThoseBeforeIt) {
  Feed("GET /later HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
  EXPECT_EQ(TakeOutput(), "");
  EXPECT_FALSE(conversation_.ended());
  kept_[0].Send(TextResponse(200, "good"));
  Deliver();
  const std::string text = TakeOutput();
  EXPECT_THAT(text, HasSubstr("good"));
  EXPECT_THAT(text, HasSubstr("HTTP/1.1 400 "));
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(ConversationTest, EveryCutOfAPipelineGivesTheSameAnswers) {
  const std::string bytes = absl::StrCat(
      kGet, Post("Content-Length: 5\r\n", "hello"), kGet,
      Post("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n"), kGet);
  const std::string expected = Exchange(bytes);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    Feed(bytes.substr(0, cut));
    ASSERT_EQ(Exchange(bytes.substr(cut)), expected) << cut;
  }
  EXPECT_EQ(seen_.size(), 5 * bytes.size());
  EXPECT_THAT(expected, StartsWith("HTTP/1.1 200 OK"));
}

}  // namespace
}  // namespace birthmark::http
