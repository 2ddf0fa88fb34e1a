#include "services/registration/issue_stream.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;
using Request = IssueStream::Request;
using Response = IssueStream::Response;

// FakeCore keeps what the stream writes.
class FakeCore : public rpc::StreamCore {
 public:
  bool Write(std::unique_ptr<google::protobuf::Message> message) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (finished_) {
      return false;
    }
    const auto& response = dynamic_cast<const Response&>(*message);
    results_ += response.results().results_size();
    if (response.has_opened()) {
      ++opened_;
      max_in_flight_ = response.opened().max_in_flight();
    }
    changed_.notify_all();
    return true;
  }
  void RequestNext() override {
    std::lock_guard<std::mutex> lock(mutex_);
    ++requested_;
  }
  void Finish(absl::Status status) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!finished_) {
      finished_ = true;
      status_ = std::move(status);
    }
    changed_.notify_all();
  }
  void Cut() override {
    std::lock_guard<std::mutex> lock(mutex_);
    cut_ = true;
  }
  size_t PendingWrites() const override { return pending_writes_; }
  bool IsOver() const override { return false; }

  absl::Status WaitForEnd() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return finished_; });
    return status_;
  }
  void WaitForResults(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return results_ >= count; });
  }
  int results() {
    std::lock_guard<std::mutex> lock(mutex_);
    return results_;
  }
  int opened() {
    std::lock_guard<std::mutex> lock(mutex_);
    return opened_;
  }
  int requested() {
    std::lock_guard<std::mutex> lock(mutex_);
    return requested_;
  }
  void set_pending_writes(size_t count) { pending_writes_ = count; }
  bool cut() {
    std::lock_guard<std::mutex> lock(mutex_);
    return cut_;
  }
  int max_in_flight() {
    std::lock_guard<std::mutex> lock(mutex_);
    return max_in_flight_;
  }
  bool finished() {
    std::lock_guard<std::mutex> lock(mutex_);
    return finished_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<size_t> pending_writes_{0};
  int results_ = 0;
  int opened_ = 0;
  int requested_ = 0;
  int max_in_flight_ = 0;
  bool cut_ = false;
  bool finished_ = false;
  absl::Status status_;
};

// Gate holds the workers until it is opened.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // WaitForSomeone returns when a worker has come to the gate.
  void WaitForSomeone() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

class IssueStreamTest : public testing::Test {
 protected:
  static constexpr int kMaxInFlight = 1000;

  IssueStreamTest() : metrics_(registry_), core_(std::make_shared<FakeCore>()) {
    stream_ = std::make_shared<IssueStream>(
        rpc::BidiStream<Response>(core_),
        [this](const Request::Open&) -> absl::StatusOr<IssueStream::Opened> {
          if (!open_status_.ok()) {
            return open_status_;
          }
          return IssueStream::Opened();
        },
        [this](const OpenBatch&, const std::vector<Request::Item>& items,
               const std::function<bool()>& stopped) {
          return Work(items, stopped);
        },
        windows_, pool_, clock_, metrics_);
  }

  ~IssueStreamTest() override { gate_.Open(); }

  absl::StatusOr<std::vector<Response::Result>> Work(
      const std::vector<Request::Item>& items,
      const std::function<bool()>& stopped) {
    gate_.Pass();
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = stopped_ || stopped();
    batch_sizes_.push_back(items.size());
    if (!work_status_.ok()) {
      return work_status_;
    }
    std::vector<Response::Result> results(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      results[i].set_item_id(items[i].item_id());
    }
    return results;
  }

  void Open() {
    Request request;
    request.mutable_open()->set_batch("fleets/acme/lines/l1/batches/b1");
    stream_->OnMessage(std::move(request));
  }

  void Send(int count) {
    Request request;
    request.mutable_items();
    for (int i = 0; i < count; ++i) {
      request.mutable_items()->add_items()->set_item_id(absl::StrCat(i));
    }
    stream_->OnMessage(std::move(request));
  }

  telemetry::Registry registry_;
  Metrics metrics_;
  FakeClock clock_;
  Windows windows_{8 * kMaxInFlight, kMaxInFlight, clock_, metrics_};
  absl::Status open_status_;
  Gate gate_;
  std::mutex mutex_;
  absl::Status work_status_;
  bool stopped_ = false;
  std::vector<size_t> batch_sizes_;
  std::shared_ptr<FakeCore> core_;
  std::shared_ptr<IssueStream> stream_;
  ThreadPool pool_{4, 64};
};

TEST_F(IssueStreamTest, DrainsWhenTheClientHasSentAll) {
  gate_.Open();
  Open();
  for (int i = 0; i < 3; ++i) {
    Send(300);
  }
  stream_->OnHalfClose();
  EXPECT_OK(core_->WaitForEnd());
  EXPECT_EQ(core_->opened(), 1);
  EXPECT_EQ(core_->results(), 900);
  EXPECT_EQ(metrics_.items_in_flight.Value(), 0);
  std::lock_guard<std::mutex> lock(mutex_);
  for (const size_t size : batch_sizes_) {
    EXPECT_LE(size, IssueStream::kMicroBatch);
  }
}

TEST_F(IssueStreamTest, EndsAtOnceIfNothingWasSent) {
  Open();
  stream_->OnHalfClose();
  EXPECT_OK(core_->WaitForEnd());
}

TEST_F(IssueStreamTest, TakesAsManyAsItSaid) {
  Open();
  Send(kMaxInFlight);
  EXPECT_FALSE(core_->finished());
  gate_.Open();
  core_->WaitForResults(kMaxInFlight);
  // What is answered makes room.
  Send(kMaxInFlight);
  stream_->OnHalfClose();
  EXPECT_OK(core_->WaitForEnd());
  EXPECT_EQ(core_->results(), 2 * kMaxInFlight);
}

TEST_F(IssueStreamTest, AnExcessEndsTheStream) {
  Open();
  Send(kMaxInFlight);
  Send(1);
  const absl::Status status = core_->WaitForEnd();
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted,
                               reasons::kTooManyInFlight));
  EXPECT_THAT(status, HasMetadata("limit", "1000"));
  EXPECT_GE(GetErrorInfo(status)->retry_after, absl::Seconds(1));
}

TEST_F(IssueStreamTest, ReadsOnlyWhatItAskedFor) {
  Open();
  EXPECT_EQ(core_->requested(), 1);
  Send(1);
  EXPECT_EQ(core_->requested(), 2);
}

TEST_F(IssueStreamTest, HugeItemsHoldTheNextMessageBack) {
  Open();
  Request request;
  request.mutable_items()->add_items()->set_csr_der(
      std::string(kMaxInFlight * IssueStream::kBytesPerItem, 'x'));
  stream_->OnMessage(std::move(request));
  EXPECT_EQ(core_->requested(), 1);
  gate_.Open();
  core_->WaitForResults(1);
  pool_.Drain();
  EXPECT_EQ(core_->requested(), 2);
}

TEST_F(IssueStreamTest, AFaultOfTheBatchEndsTheStream) {
  work_status_ = MakeError(StatusCode::kFailedPrecondition,
                           reasons::kLineDisabled, "disabled");
  gate_.Open();
  Open();
  Send(10);
  EXPECT_THAT(core_->WaitForEnd(), StatusIs(StatusCode::kFailedPrecondition,
                                            reasons::kLineDisabled));
  // Nothing is taken any more.
  const int requested = core_->requested();
  Send(10);
  EXPECT_EQ(core_->requested(), requested);
}

TEST_F(IssueStreamTest, OpenMayFail) {
  open_status_ = MakeError(StatusCode::kPermissionDenied,
                           reasons::kLineNotOwned, "not yours");
  Open();
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kPermissionDenied, reasons::kLineNotOwned));
  EXPECT_EQ(core_->opened(), 0);
}

TEST_F(IssueStreamTest, ItemsBeforeOpenAreRefused) {
  Send(1);
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(IssueStreamTest, OpenTwiceIsRefused) {
  Open();
  Open();
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(IssueStreamTest, AnEmptyMessageIsRefused) {
  stream_->OnMessage(Request());
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(IssueStreamTest, TooManyItemsInOneMessageAreRefused) {
  Open();
  Send(IssueStream::kMaxItemsPerMessage + 1);
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(IssueStreamTest, ClosingWithoutOpenIsRefused) {
  stream_->OnHalfClose();
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(IssueStreamTest, ACancelledStreamStopsItsTasks) {
  Open();
  Send(kMaxInFlight);
  gate_.WaitForSomeone();
  stream_->OnCancel();
  gate_.Open();
  pool_.Drain();
  EXPECT_FALSE(core_->finished());
  std::lock_guard<std::mutex> lock(mutex_);
  EXPECT_TRUE(stopped_);
  // The tasks that had begun, and no other.
  EXPECT_LE(batch_sizes_.size(), static_cast<size_t>(IssueStream::kMaxTasks));
}

TEST_F(IssueStreamTest, AShutdownCompletesWhatWasTaken) {
  Open();
  Send(500);
  stream_->OnDrain();
  gate_.Open();
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kServerDraining));
  EXPECT_EQ(core_->results(), 500);
}

TEST_F(IssueStreamTest, AShutdownEndsAnIdleStreamAtOnce) {
  Open();
  stream_->OnDrain();
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kServerDraining));
}

TEST_F(IssueStreamTest, WithoutRoomForATaskTheStreamIsRefused) {
  pool_.Drain();
  Open();
  Send(1);
  const absl::Status status = core_->WaitForEnd();
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted,
                               reasons::kServerOverloaded));
  EXPECT_GE(GetErrorInfo(status)->retry_after, absl::Seconds(1));
}

TEST_F(IssueStreamTest, HoldsAWindowWhileItLives) {
  Open();
  EXPECT_EQ(core_->max_in_flight(), kMaxInFlight);
  EXPECT_EQ(windows_.granted(), static_cast<size_t>(kMaxInFlight));
  stream_->OnCancel();
  stream_.reset();
  EXPECT_EQ(windows_.granted(), 0u);
}

TEST_F(IssueStreamTest, WithoutAWindowItIsRefusedAtOnce) {
  std::vector<std::unique_ptr<Windows::Window>> others;
  while (true) {
    auto window = windows_.Take(absl::StrCat(others.size()));
    if (!window.ok()) {
      break;
    }
    others.push_back(*std::move(window));
  }
  Open();
  const absl::Status status = core_->WaitForEnd();
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted,
                               reasons::kServerOverloaded));
  EXPECT_GE(GetErrorInfo(status)->retry_after, absl::Seconds(1));
  EXPECT_EQ(core_->opened(), 0);
}

TEST_F(IssueStreamTest, AnIdleStreamEnds) {
  gate_.Open();
  Open();
  Send(1);
  core_->WaitForResults(1);
  pool_.Drain();
  clock_.Advance(IssueStream::kMaxIdle - absl::Seconds(1));
  stream_->Tick(clock_.MonotonicNow());
  EXPECT_FALSE(core_->finished());
  clock_.Advance(absl::Seconds(1));
  stream_->Tick(clock_.MonotonicNow());
  const absl::Status status = core_->WaitForEnd();
  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, reasons::kStreamIdle));
  EXPECT_GE(GetErrorInfo(status)->retry_after, absl::Seconds(1));
}

TEST_F(IssueStreamTest, AStreamThatIsNeverOpenedEnds) {
  clock_.Advance(IssueStream::kMaxIdle);
  stream_->Tick(clock_.MonotonicNow());
  EXPECT_THAT(core_->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kStreamIdle));
}

TEST_F(IssueStreamTest, WorkInProgressIsNotIdle) {
  Open();
  Send(1);
  clock_.Advance(10 * IssueStream::kMaxIdle);
  stream_->Tick(clock_.MonotonicNow());
  EXPECT_FALSE(core_->finished());
}

TEST_F(IssueStreamTest, AfterItsTurnItGivesWayWithoutLosingAnything) {
  Open();
  Send(500);
  EXPECT_FALSE(stream_->GiveWay(clock_.MonotonicNow()));
  clock_.Advance(IssueStream::kTurn);
  EXPECT_TRUE(stream_->GiveWay(clock_.MonotonicNow()));
  // Another stream is to be found next time.
  EXPECT_FALSE(stream_->GiveWay(clock_.MonotonicNow()));
  EXPECT_FALSE(core_->finished());
  // What was on its way is taken, and nothing more is asked for.
  const int requested = core_->requested();
  Send(100);
  EXPECT_EQ(core_->requested(), requested);
  gate_.Open();
  const absl::Status status = core_->WaitForEnd();
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted,
                               reasons::kServerOverloaded));
  EXPECT_GE(GetErrorInfo(status)->retry_after, absl::Seconds(3));
  EXPECT_EQ(core_->results(), 600);
}

TEST_F(IssueStreamTest, WhoDoesNotReadWhileOthersWaitIsDropped) {
  gate_.Open();
  Open();
  Send(1);
  core_->WaitForResults(1);
  pool_.Drain();
  clock_.Advance(IssueStream::kMaxStalled);
  // One that has read everything is merely idle.
  stream_->DropIfStalled(clock_.MonotonicNow());
  EXPECT_FALSE(core_->finished());
  core_->set_pending_writes(1);
  stream_->DropIfStalled(clock_.MonotonicNow());
  EXPECT_THAT(core_->WaitForEnd(), StatusIs(StatusCode::kResourceExhausted,
                                            reasons::kTooManyInFlight));
  EXPECT_TRUE(core_->cut());
  EXPECT_FALSE(windows_.Take("").ok());
}

TEST_F(IssueStreamTest, WhoDoesNotReadTheEndIsCutOff) {
  Open();
  Send(kMaxInFlight);
  Send(1);
  EXPECT_FALSE(core_->WaitForEnd().ok());
  stream_->Tick(clock_.MonotonicNow());
  EXPECT_FALSE(core_->cut());
  clock_.Advance(IssueStream::kLinger);
  stream_->Tick(clock_.MonotonicNow());
  EXPECT_TRUE(core_->cut());
}

}  // namespace
}  // namespace birthmark::registration
