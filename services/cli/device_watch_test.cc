#include "services/cli/device_watch.h"

#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::cli {
namespace {

using device::v1::WatchDevicesRequest;
using device::v1::WatchDevicesResponse;
using testing::ElementsAre;
using testing::HasSubstr;

WatchDevicesResponse Message(const std::vector<std::string>& kinds,
                             const std::string& token) {
  WatchDevicesResponse message;
  for (const std::string& kind : kinds) {
    auto& event = *message.add_events();
    event.set_name("fleets/acme/devices/u1/events/e1");
    event.set_kind(kind);
    event.set_actor("spiffe://t/operator/admin");
  }
  message.set_resume_token(token);
  return message;
}

class DeviceWatchTest : public testing::Test {
 protected:
  // One stream of the service: its messages, and how it ends.
  struct Stream {
    std::vector<WatchDevicesResponse> messages;
    absl::Status end;
  };

  absl::Status Watch(DeviceWatchOptions options = {}) {
    options.parent = "fleets/acme";
    options.pause = absl::Milliseconds(1);
    return WatchDevices(
        [this](const WatchDevicesRequest& request, const OnDeviceNews& news) {
          EXPECT_EQ(request.parent(), "fleets/acme");
          tokens_.push_back(request.resume_token());
          const Stream stream = streams_.front();
          streams_.pop_front();
          for (const WatchDevicesResponse& message : stream.messages) {
            if (!news(message)) {
              return absl::CancelledError("");
            }
          }
          return stream.end;
        },
        options, context_);
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  FakeClock clock_;
  Context context_{.in = in_, .out = out_, .err = err_, .clock = clock_};
  std::deque<Stream> streams_;
  std::vector<std::string> tokens_;
};

const absl::Status& Unknown() {
  static const auto& status = *new absl::Status(
      MakeError(absl::StatusCode::kOutOfRange,
                birthmark::reasons::kResumeTokenUnknown, "another history"));
  return status;
}

TEST_F(DeviceWatchTest, GoesOnFromTheLastMessageUntilWhatCannotPass) {
  streams_ = {{{Message({"quarantined", "released"}, "t1"), Message({}, "t2")},
               absl::UnavailableError("away")},
              {{}, absl::OkStatus()},
              {{Message({"renewed"}, "t3")}, Unknown()}};
  EXPECT_THAT(Watch({.token = "t0"}),
              StatusIs(absl::StatusCode::kOutOfRange,
                       birthmark::reasons::kResumeTokenUnknown));
  EXPECT_THAT(tokens_, ElementsAre("t0", "t2", "t2"));
  EXPECT_EQ(out_.str(),
            "-  fleets/acme/devices/u1  put in quarantine  (operator admin)\n"
            "-  fleets/acme/devices/u1  released from quarantine  (operator "
            "admin)\n"
            "-  fleets/acme/devices/u1  got a new operational certificate  "
            "(operator admin)\n");
  EXPECT_THAT(err_.str(), HasSubstr("going on from the last message"));
}

TEST_F(DeviceWatchTest, JsonIsALineForEachEventWithTheTokenInTheLast) {
  context_.json = true;
  streams_ = {{{Message({"a", "b"}, "t1")}, Unknown()}};
  EXPECT_FALSE(Watch().ok());
  std::istringstream lines(out_.str());
  std::string first;
  std::string second;
  std::string none;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_THAT(first, HasSubstr(R"("kind":"a")"));
  EXPECT_THAT(first, testing::Not(HasSubstr("resume_token")));
  EXPECT_THAT(second, HasSubstr(R"("resume_token":"t1")"));
  EXPECT_FALSE(std::getline(lines, none));
}

TEST_F(DeviceWatchTest, TheTokenIsKeptAfterTheEvents) {
  std::string folder = testing::TempDir() + "/bm.XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/token";
  streams_ = {{{Message({"a"}, "t1"), Message({}, "t2")}, Unknown()}};
  EXPECT_FALSE(Watch({.token_file = path}).ok());
  EXPECT_EQ(*ReadFile(path), "t2\n");
  streams_ = {{{Message({"a"}, "t1")}, absl::OkStatus()}};
  EXPECT_THAT(Watch({.token_file = folder + "/no/token"}),
              StatusIs(absl::StatusCode::kNotFound));
  std::filesystem::remove_all(folder);
}

TEST_F(DeviceWatchTest, StopsWhenNobodyReadsAnyMore) {
  out_.setstate(std::ios::badbit);
  streams_ = {{{Message({"a"}, "t1")}, absl::OkStatus()}};
  EXPECT_OK(Watch());
}

}  // namespace
}  // namespace birthmark::cli
