#include "services/cli/provisioner.h"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/status.h"
#include "services/cli/provision_testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using provisioning::v1::IssueBatchRequest;
using provisioning::v1::IssueBatchResponse;

// FakeService answers items as a test tells it to. Shared by all streams.
struct FakeService {
  std::mutex mutex;
  int max_in_flight = 4;
  // The stream breaks, unannounced, after this many answers. -1: never.
  int break_after = -1;
  absl::Status break_status = absl::UnavailableError("connection lost");
  // Errors that the items get, in turn; then they succeed.
  std::map<std::string, std::deque<absl::Status>> errors;
  std::map<std::string, int> received;
  size_t most_in_flight = 0;
  int streams = 0;
  // Answers wait while this is set.
  bool hold = false;
};

// FakeStream answers each item when it is read.
class FakeStream : public rpc::RawClientStream {
 public:
  explicit FakeStream(FakeService& service) : service_(service) {}

  bool Write(const google::protobuf::Message& message) override {
    const auto& request = static_cast<const IssueBatchRequest&>(message);
    std::lock_guard<std::mutex> lock(mutex_);
    if (over_) {
      return false;
    }
    if (request.has_open()) {
      opened_ = true;
    }
    std::lock_guard<std::mutex> service_lock(service_.mutex);
    for (const auto& item : request.items().items()) {
      ++service_.received[item.item_id()];
      waiting_.push_back(item);
    }
    service_.most_in_flight =
        std::max(service_.most_in_flight, waiting_.size());
    changed_.notify_all();
    return true;
  }

  bool WritesDone() override {
    std::lock_guard<std::mutex> lock(mutex_);
    half_closed_ = true;
    changed_.notify_all();
    return true;
  }

  bool Read(google::protobuf::Message& message) override {
    auto& response = static_cast<IssueBatchResponse&>(message);
    response.Clear();
    std::unique_lock<std::mutex> lock(mutex_);
    while (!over_) {
      std::lock_guard<std::mutex> service_lock(service_.mutex);
      if (opened_) {
        opened_ = false;
        response.mutable_opened()->set_max_in_flight(service_.max_in_flight);
        return true;
      }
      if (!service_.hold && service_.break_after == 0) {
        service_.break_after = -1;
        status_ = service_.break_status;
        over_ = true;
        return false;
      }
      if (!service_.hold && !waiting_.empty()) {
        service_.break_after -= service_.break_after > 0 ? 1 : 0;
        Fill(waiting_.front(), *response.mutable_results()->add_results());
        waiting_.pop_front();
        return true;
      }
      if (half_closed_) {
        over_ = true;
        return false;
      }
      // Polled: `hold` may change elsewhere.
      service_.mutex.unlock();
      changed_.wait_for(lock, std::chrono::milliseconds(5));
      service_.mutex.lock();
    }
    return false;
  }

  absl::Status Finish() override { return status_; }

  void Cancel() override {
    std::lock_guard<std::mutex> lock(mutex_);
    over_ = true;
    status_ = absl::CancelledError("cancelled");
    changed_.notify_all();
  }

 private:
  void Fill(const IssueBatchRequest::Item& item,
            IssueBatchResponse::Result& result) {
    result.set_item_id(item.item_id());
    std::deque<absl::Status>& errors = service_.errors[item.item_id()];
    if (errors.empty()) {
      result.set_certificate_der(MakeTestCertificate(item.csr_der()));
    } else {
      *result.mutable_error() = rpc::ToProto(errors.front());
      errors.pop_front();
    }
  }

  FakeService& service_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<IssueBatchRequest::Item> waiting_;
  bool opened_ = false;
  bool half_closed_ = false;
  bool over_ = false;
  absl::Status status_;
};

class QuietObserver : public ProvisionObserver {
 public:
  void OnProgress(const ProvisionProgress&) override {}
  void OnRetry(const absl::Status&, absl::Duration) override { ++retries; }
  int retries = 0;
};

class ProvisionerTest : public testing::Test {
 protected:
  ProvisionerTest()
      : dir_(testing::TempDir() + "/" +
             testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    options_.batch = "fleets/f/lines/l/batches/b";
    options_.min_backoff = absl::Milliseconds(1);
    options_.max_backoff = absl::Milliseconds(10);
  }

  void AddItems(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = absl::StrCat("d", i);
      ASSERT_OK(
          WriteFileAtomically(dir_ + "/" + id + ".csr", MakeTestCsr(), 0644));
      plan_.push_back({.id = id, .model = "m", .serial_number = id});
    }
  }

  ProvisionOutcome Issue(const std::string& out = "") {
    const ItemFiles files(dir_, out.empty() ? dir_ : out);
    return Provision(
        options_, plan_, files,
        [this]() -> absl::StatusOr<std::unique_ptr<IssueStream>> {
          std::lock_guard<std::mutex> lock(service_.mutex);
          ++service_.streams;
          if (!open_errors_.empty()) {
            const absl::Status error = open_errors_.front();
            open_errors_.pop_front();
            return error;
          }
          return std::make_unique<IssueStream>(
              std::make_unique<FakeStream>(service_));
        },
        Clock::Real(), observer_);
  }

  bool HasCertificate(int item) const {
    return std::filesystem::exists(absl::StrCat(dir_, "/d", item, ".pem"));
  }

  const std::string dir_;
  ProvisionOptions options_;
  std::vector<PlannedItem> plan_;
  FakeService service_;
  std::deque<absl::Status> open_errors_;
  QuietObserver observer_;
};

TEST_F(ProvisionerTest, EveryItemGetsItsCertificate) {
  AddItems(50);
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 50u);
  EXPECT_TRUE(outcome.failures.empty());
  EXPECT_TRUE(HasCertificate(0));
  EXPECT_TRUE(HasCertificate(49));
  EXPECT_EQ(service_.streams, 1);
  EXPECT_LE(service_.most_in_flight, 4u);
}

TEST_F(ProvisionerTest, WhatIsThereIsNotAskedForAgain) {
  AddItems(10);
  EXPECT_EQ(Issue().progress.issued, 10u);
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 0u);
  EXPECT_EQ(outcome.progress.already_there, 10u);
  EXPECT_EQ(service_.streams, 1);
}

TEST_F(ProvisionerTest, AfterABreakOnlyTheUnansweredIsSentAgain) {
  AddItems(20);
  service_.break_after = 7;
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 20u);
  EXPECT_EQ(service_.streams, 2);
  EXPECT_EQ(observer_.retries, 1);
  int repeated = 0;
  for (const auto& [id, count] : service_.received) {
    EXPECT_LE(count, 2) << id;
    repeated += count - 1;
  }
  EXPECT_LE(repeated, service_.max_in_flight);
}

TEST_F(ProvisionerTest, AServiceThatIsNotThereIsWaitedFor) {
  AddItems(3);
  open_errors_ = {absl::UnavailableError("refused"),
                  absl::UnavailableError("refused")};
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 3u);
  EXPECT_EQ(observer_.retries, 2);
}

TEST_F(ProvisionerTest, ABusyServiceIsLeftAloneForAsLongAsItSays) {
  AddItems(3);
  const absl::Duration delay = absl::Milliseconds(150);
  const absl::Status busy =
      WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                               "SERVER_OVERLOADED", "busy"),
                     delay);
  open_errors_.assign(3, busy);
  const absl::Duration begin = Clock::Real().MonotonicNow();
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 3u);
  EXPECT_EQ(outcome.progress.busy, 3u);
  EXPECT_GE(outcome.progress.waited, 3 * delay);
  EXPECT_GE(Clock::Real().MonotonicNow() - begin, 3 * delay);
  EXPECT_EQ(service_.streams, 4);
}

TEST_F(ProvisionerTest, ItGivesUpWhenTheServiceStaysAway) {
  AddItems(3);
  options_.retry_for = absl::Milliseconds(30);
  open_errors_.assign(1000, absl::UnavailableError("refused"));
  const ProvisionOutcome outcome = Issue();
  EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(outcome.progress.issued, 0u);
  EXPECT_TRUE(outcome.failures.empty());
}

TEST_F(ProvisionerTest, ARefusalOfTheWholeBatchEndsTheRun) {
  AddItems(3);
  service_.break_after = 1;
  service_.break_status = MakeError(absl::StatusCode::kFailedPrecondition,
                                    "LINE_DISABLED", "the line is disabled");
  const ProvisionOutcome outcome = Issue();
  EXPECT_THAT(outcome.status,
              StatusIs(absl::StatusCode::kFailedPrecondition, "LINE_DISABLED"));
  EXPECT_EQ(outcome.progress.issued, 1u);
  EXPECT_EQ(observer_.retries, 0);
}

TEST_F(ProvisionerTest, ABadItemFailsAlone) {
  AddItems(5);
  service_.errors["d2"] = {MakeError(absl::StatusCode::kInvalidArgument,
                                     "CSR_SIGNATURE_INVALID", "bad")};
  plan_[4].problem =
      MakeError(absl::StatusCode::kNotFound, reasons::kCsrMissing, "missing");
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 3u);
  ASSERT_EQ(outcome.failures.size(), 2u);
  EXPECT_EQ(outcome.failures[0].item, 2u);
  EXPECT_THAT(
      outcome.failures[0].status,
      StatusIs(absl::StatusCode::kInvalidArgument, "CSR_SIGNATURE_INVALID"));
  EXPECT_EQ(outcome.failures[1].item, 4u);
  EXPECT_EQ(service_.received.count("d4"), 0u);
}

TEST_F(ProvisionerTest, PassingErrorsOfItemsAreTriedAgain) {
  AddItems(3);
  service_.errors["d1"] = {
      MakeError(absl::StatusCode::kUnavailable, "SIGNER_OFFLINE", "away"),
      WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                               "SERVER_OVERLOADED", "busy"),
                     absl::Milliseconds(20))};
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.progress.issued, 3u);
  EXPECT_EQ(service_.received["d1"], 3);
}

TEST_F(ProvisionerTest, ASpentQuotaIsFinal) {
  AddItems(2);
  service_.errors["d1"] = {
      WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                               "LINE_QUOTA_EXCEEDED", "spent"),
                     absl::Hours(1))};
  const ProvisionOutcome outcome = Issue();
  EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.failures.size(), 1u);
}

TEST_F(ProvisionerTest, AnOutputThatCannotBeWrittenEndsTheRun) {
  AddItems(20);
  const ProvisionOutcome outcome = Issue(dir_ + "/missing");
  EXPECT_THAT(outcome.status,
              StatusIs(absl::StatusCode::kNotFound, reasons::kFileUnusable));
  EXPECT_EQ(outcome.progress.issued, 0u);
  EXPECT_TRUE(outcome.failures.empty());
}

TEST_F(ProvisionerTest, AnInterruptionDrainsWhatIsInFlight) {
  AddItems(40);
  service_.max_in_flight = 8;
  service_.hold = true;
  options_.interruptions = [this] {
    std::lock_guard<std::mutex> lock(service_.mutex);
    const bool in_flight = service_.most_in_flight == 8;
    service_.hold = !in_flight;
    return in_flight ? 1 : 0;
  };
  const ProvisionOutcome outcome = Issue();
  EXPECT_THAT(outcome.status,
              StatusIs(absl::StatusCode::kCancelled, reasons::kInterrupted));
  EXPECT_GE(outcome.progress.issued, 8u);
  EXPECT_LT(outcome.progress.issued, 40u);
  EXPECT_EQ(outcome.progress.issued, service_.received.size());
  // The next run does the rest.
  options_.interruptions = nullptr;
  EXPECT_EQ(Issue().progress.issued, 40 - outcome.progress.issued);
}

TEST_F(ProvisionerTest, ASecondInterruptionDoesNotWait) {
  AddItems(10);
  service_.hold = true;
  options_.interruptions = [] { return 2; };
  const ProvisionOutcome outcome = Issue();
  EXPECT_THAT(outcome.status,
              StatusIs(absl::StatusCode::kCancelled, reasons::kInterrupted));
  EXPECT_EQ(outcome.progress.issued, 0u);
}

}  // namespace
}  // namespace birthmark::cli
