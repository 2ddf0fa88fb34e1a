// What is done to many devices, against services that a test plays.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "services/cli/device_testing.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

namespace pb = device::v1;

TEST_F(DeviceCommandsTest, ManyAreCountedShownAskedAboutAndFollowed) {
  EXPECT_EQ(Run({"device", "decommission", "--fleet", "acme", "--model", "gw5",
                 "--reason", "end of life", "--job", "eol", "--rate", "50"},
                "y\n"),
            kExitOk);
  EXPECT_THAT(
      services_.calls(),
      ElementsAre("CreateDeviceJob", "CreateDeviceJob", "GetDeviceJob"));
  EXPECT_THAT(err_.str(), HasSubstr("RETIRES DEVICES FOR GOOD"));
  EXPECT_THAT(err_.str(), HasSubstr("3: 3 active"));
  EXPECT_THAT(err_.str(), HasSubstr("about 3 devices?"));
  EXPECT_EQ(created_.device_job_id(), "eol");
  EXPECT_EQ(created_.device_job().action(), pb::DEVICE_JOB_ACTION_DECOMMISSION);
  EXPECT_EQ(created_.device_job().filter(), "model = \"gw5\"");
  EXPECT_EQ(created_.device_job().rate(), 50);
  EXPECT_THAT(out_.str(), HasSubstr("3 done, 0 were so already, 0 failed"));
}

TEST_F(DeviceCommandsTest, NothingHappensToManyWithoutAYes) {
  const std::vector<std::string> words = {"device",   "quarantine", "--fleet",
                                          "acme",     "--model",    "gw5",
                                          "--reason", "odd"};
  EXPECT_EQ(Run(words, "n\n"), kExitInterrupted);
  EXPECT_EQ(Run(words), kExitUsage);  // nobody is there to be asked
  EXPECT_EQ(created_.device_job_id(), "");
  selected_ = 0;
  EXPECT_EQ(Run(words, "y\n"), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("NOTHING_SELECTED"));
  EXPECT_EQ(created_.device_job_id(), "");
}

TEST_F(DeviceCommandsTest, AJobThatNeedsApprovalIsNotWaitedFor) {
  needs_approval_ = true;
  EXPECT_EQ(Run({"device", "release", "--fleet", "acme", "--state",
                 "quarantined", "--reason", "fixed", "--yes"}),
            kExitOk);
  EXPECT_THAT(
      services_.calls(),
      ElementsAre("CreateDeviceJob", "CreateDeviceJob", "GetDeviceJob"));
  EXPECT_THAT(out_.str(), HasSubstr("waits for a second operator (not operator "
                                    "admin), who runs: birthmark device-job "
                                    "approve acme/release-20260131-120000-"));
}

TEST_F(DeviceCommandsTest, SomeThatFailedAreTheExitCode) {
  failed_ = 1;
  EXPECT_EQ(Run({"device", "release", "--fleet", "acme", "--state",
                 "quarantined", "--reason", "fixed", "--yes"}),
            kExitRefused);
  EXPECT_THAT(out_.str(), HasSubstr("--outcome failed"));
  EXPECT_EQ(Run({"device", "release", "--fleet", "acme", "--state",
                 "quarantined", "--reason", "fixed", "--yes", "--detach"}),
            kExitOk);
}

TEST_F(DeviceCommandsTest, AListIsSentInPartsAndThenStarted) {
  std::string csv = "uid,note\n";
  for (int i = 0; i < 6001; ++i) {
    absl::StrAppend(&csv, "019ab2c3-d4e5-7f60-8182-",
                    absl::Hex(i, absl::kZeroPad12), ",x\n");
  }
  absl::StrAppend(&csv, "019ab2c3-d4e5-7f60-8182-000000000000,again\n");
  std::vector<int> parts;
  services_.On<pb::AddDeviceJobItemsRequest, pb::DeviceJob>(
      "AddDeviceJobItems",
      [&](const pb::AddDeviceJobItemsRequest& request)
          -> absl::StatusOr<pb::DeviceJob> {
        if (parts.size() == 1) {  // answered late: sent again
          parts.push_back(0);
          return absl::UnavailableError("away");
        }
        parts.push_back(request.device_uids_size());
        return pb::DeviceJob();
      });
  services_.On<pb::StartDeviceJobRequest, pb::DeviceJob>(
      "StartDeviceJob", [](const pb::StartDeviceJobRequest& request) {
        pb::DeviceJob job;
        job.set_name(request.name());
        return job;
      });
  EXPECT_EQ(
      Run({"device", "decommission", "--fleet", "acme", "--csv",
           Write("list.csv", csv), "--reason", "scrapped", "--job", "scrap"},
          "yes\n"),
      kExitOk);
  EXPECT_THAT(parts, ElementsAre(5000, 0, 1001));
  EXPECT_THAT(err_.str(), HasSubstr("to decommission 6001 devices?"));
  EXPECT_EQ(created_.device_job().filter(), "");
  EXPECT_EQ(services_.calls().back(), "GetDeviceJob");
}

TEST_F(DeviceCommandsTest, AListThatBreaksOffNamesTheJobThatIsLeft) {
  services_.On<pb::AddDeviceJobItemsRequest, pb::DeviceJob>(
      "AddDeviceJobItems", [](const pb::AddDeviceJobItemsRequest&) {
        return absl::StatusOr<pb::DeviceJob>(
            MakeError(absl::StatusCode::kFailedPrecondition,
                      birthmark::reasons::kDeviceJobState, "cancelled"));
      });
  EXPECT_EQ(Run({"device", "quarantine", "--fleet", "acme", "--csv",
                 Write("list.csv", absl::StrCat(kUid, "\n")), "--reason", "x",
                 "--job", "q", "--yes"}),
            kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("birthmark device-job cancel acme/q"));
}

}  // namespace
}  // namespace birthmark::cli
