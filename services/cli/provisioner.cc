#include "services/cli/provisioner.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/random/random.h"
#include "lib/base/error.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/status.h"
#include "services/cli/error_report.h"
#include "services/cli/item_queue.h"
#include "services/cli/reasons.h"
#include "services/cli/retry_policy.h"

namespace birthmark::cli {
namespace {

using provisioning::v1::IssueBatchRequest;
using provisioning::v1::IssueBatchResponse;

// What one message may hold; the API takes up to 1000 items and 4 MiB.
constexpr size_t kItemsPerMessage = 200;
constexpr size_t kBytesPerMessage = size_t{1} << 20;
constexpr std::chrono::milliseconds kTick(200);
// A fault in the service or in between, not announced as passing: tried again,
// but not for long.
constexpr int kMaxFaults = 5;

class Run {
 public:
  Run(const ProvisionOptions& options, const std::vector<PlannedItem>& plan,
      const ItemFiles& files, const StreamOpener& open, Clock& clock,
      ProvisionObserver& observer)
      : options_(options),
        plan_(plan),
        files_(files),
        open_(open),
        clock_(clock),
        observer_(observer),
        start_(clock.MonotonicNow()),
        backoff_(options.min_backoff, options.max_backoff),
        queue_(plan.size()),
        keys_(plan.size()),
        last_progress_(start_) {
    progress_.total = plan.size();
    for (size_t item = 0; item < plan.size(); ++item) {
      by_id_.emplace(plan[item].id, item);
    }
  }

  ProvisionOutcome ToEnd() {
    SettleWhatNeedsNoService();
    std::thread ticker([this] { Tick(); });
    absl::Status status = WorkUntilSettled();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      finished_ = true;
      if (!stop_.ok()) {
        status = stop_;
      }
    }
    changed_.notify_all();
    ticker.join();

    ProvisionOutcome outcome;
    outcome.status = std::move(status);
    std::sort(failures_.begin(), failures_.end(),
              [](const ItemFailure& a, const ItemFailure& b) {
                return a.item < b.item;
              });
    outcome.failures = std::move(failures_);
    progress_.elapsed = clock_.MonotonicNow() - start_;
    outcome.progress = progress_;
    return outcome;
  }

 private:
  // What has no CSR or no row fails; what has its certificate is done.
  void SettleWhatNeedsNoService() {
    for (size_t item = 0; item < plan_.size(); ++item) {
      if (!plan_[item].problem.ok()) {
        Fail(item, plan_[item].problem);
        continue;
      }
      const absl::StatusOr<bool> done = files_.IsDone(plan_[item]);
      if (!done.ok()) {
        Fail(item, done.status());
      } else if (*done) {
        std::lock_guard<std::mutex> lock(mutex_);
        queue_.Settle(item);
        ++progress_.already_there;
      }
    }
  }

  absl::Status WorkUntilSettled() {
    int faults = 0;
    while (true) {
      absl::Duration progress_before;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (queue_.unsettled() == 0 || !stop_.ok()) {
          return absl::OkStatus();
        }
        progress_before = last_progress_;
      }
      absl::Status status = RunStream();
      std::unique_lock<std::mutex> lock(mutex_);
      queue_.StreamBroken();
      if (queue_.unsettled() == 0 || !stop_.ok()) {
        return absl::OkStatus();
      }
      if (status.ok()) {
        status = absl::UnavailableError("the service closed the stream");
      }
      if (last_progress_ > progress_before) {
        backoff_.Reset();
        faults = 0;
      }
      const bool again =
          IsPassing(status) || (IsFault(status) && ++faults <= kMaxFaults);
      if (!again ||
          clock_.MonotonicNow() - last_progress_ >= options_.retry_for) {
        return status;
      }
      Pause(status, lock);
    }
  }

  // Waits before the next connection.
  void Pause(const absl::Status& why, std::unique_lock<std::mutex>& lock) {
    const absl::Duration delay = backoff_.Next(why);
    if (IsBusy(why)) {
      ++progress_.busy;
      progress_.waited += delay;
    }
    observer_.OnRetry(why, delay);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(delay),
                      [this] { return !stop_.ok() || draining_; });
    if (draining_ && stop_.ok()) {
      stop_ = Interrupted();
    }
  }

  absl::Status RunStream() {
    absl::StatusOr<std::unique_ptr<IssueStream>> opened = open_();
    if (!opened.ok()) {
      return opened.status();
    }
    IssueStream& stream = **opened;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stream_ = &stream;
      stream_over_ = false;
      if (draining_ && stop_.ok()) {
        stop_ = Interrupted();
      }
      if (!stop_.ok()) {
        stream.Cancel();
      }
    }
    IssueBatchRequest request;
    request.mutable_open()->set_batch(options_.batch);
    // A write that fails is explained by Finish.
    stream.Write(request);
    std::thread sender;
    {
      ThreadPool pool(options_.store_threads,
                      static_cast<size_t>(options_.store_threads) * 4);
      Receive(stream, pool, sender);
      // The pool stores what has arrived before it goes.
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stream_over_ = true;
    }
    changed_.notify_all();
    if (sender.joinable()) {
      sender.join();
    }
    {
      // Cancel and Finish must not meet.
      std::lock_guard<std::mutex> lock(mutex_);
      stream_ = nullptr;
    }
    return stream.Finish();
  }

  // Receive reads until nothing more comes. The sender starts when the service
  // has opened the batch.
  void Receive(IssueStream& stream, ThreadPool& pool, std::thread& sender) {
    IssueBatchResponse response;
    if (!stream.Read(response)) {
      return;
    }
    if (!response.has_opened()) {
      Stop(absl::InternalError("the service did not answer `open`"));
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.SetWindow(
          static_cast<size_t>(std::max(response.opened().max_in_flight(), 1)));
      issuers_ = std::make_shared<const std::vector<std::string>>(
          response.opened().issuer_chain_der().begin(),
          response.opened().issuer_chain_der().end());
    }
    sender = std::thread([this, &stream] { Send(stream); });
    while (stream.Read(response)) {
      for (IssueBatchResponse::Result& result :
           *response.mutable_results()->mutable_results()) {
        Answer(std::move(result), pool);
      }
    }
  }

  // Send feeds the stream until everything is settled, or the stream or the run
  // is over.
  void Send(IssueStream& stream) {
    while (true) {
      const std::optional<std::vector<size_t>> items = NextItems();
      if (!items.has_value()) {
        return;
      }
      if (items->empty()) {
        stream.WritesDone();
        return;
      }
      if (!SendItems(*items, stream)) {
        return;
      }
    }
  }

  // NextItems waits until there is something to send. Empty if nothing more
  // will be, absent if the stream or the run is over.
  std::optional<std::vector<size_t>> NextItems() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stream_over_ && stop_.ok()) {
      if (queue_.unsettled() == 0) {
        return std::vector<size_t>();
      }
      if (draining_ && queue_.in_flight() == 0) {
        stop_ = Interrupted();
        return std::vector<size_t>();
      }
      const absl::Duration now = clock_.MonotonicNow();
      if (!draining_) {
        std::vector<size_t> items = queue_.Take(kItemsPerMessage, now);
        if (!items.empty()) {
          return items;
        }
      }
      WaitForChange(now, lock);
    }
    return std::nullopt;
  }

  void WaitForChange(absl::Duration now, std::unique_lock<std::mutex>& lock) {
    absl::Duration wait = absl::Seconds(1);
    if (const auto due = queue_.NextDue(); due.has_value()) {
      wait = std::clamp(*due - now, absl::Milliseconds(1), wait);
    }
    changed_.wait_for(lock, absl::ToChronoNanoseconds(wait));
  }

  bool SendItems(const std::vector<size_t>& items, IssueStream& stream) {
    IssueBatchRequest request;
    size_t bytes = 0;
    for (const size_t item : items) {
      absl::StatusOr<LoadedCsr> csr = files_.Load(plan_[item]);
      if (!csr.ok()) {
        Fail(item, csr.status());
        continue;
      }
      if (bytes + csr->der.size() > kBytesPerMessage) {
        if (!stream.Write(request)) {
          return false;
        }
        request.Clear();
        bytes = 0;
      }
      bytes += csr->der.size();
      {
        std::lock_guard<std::mutex> lock(mutex_);
        keys_[item] = std::move(csr->spki_sha256);
      }
      IssueBatchRequest::Item& out = *request.mutable_items()->add_items();
      out.set_item_id(plan_[item].id);
      out.set_csr_der(std::move(csr->der));
      out.set_model(plan_[item].model);
      out.set_serial_number(plan_[item].serial_number);
      out.set_hardware_revision(plan_[item].hardware_revision);
    }
    return request.items().items().empty() || stream.Write(request);
  }

  void Answer(IssueBatchResponse::Result&& result, ThreadPool& pool) {
    const auto found = by_id_.find(result.item_id());
    if (found == by_id_.end()) {
      return;
    }
    const size_t item = found->second;
    std::string key;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!queue_.Answered(item)) {
        return;
      }
      key = std::move(keys_[item]);
    }
    changed_.notify_all();
    if (result.has_certificate_der()) {
      auto store = [this, item, key, der = result.certificate_der(),
                    issuers = issuers_] { Store(item, key, der, *issuers); };
      if (!pool.TrySchedule(store)) {
        // The disk is behind: the network waits for it.
        store();
      }
      return;
    }
    const absl::Status status = rpc::FromProto(result.error());
    if (!IsPassing(status) || !Postpone(item, status)) {
      Fail(item, status.ok() ? absl::InternalError("an empty result") : status);
    }
  }

  // False if this has gone on for too long.
  bool Postpone(size_t item, const absl::Status& why) {
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::Duration now = clock_.MonotonicNow();
    if (now - last_progress_ >= options_.retry_for) {
      return false;
    }
    const absl::Duration delay =
        std::max(RetryAfter(why), options_.max_backoff / 10);
    queue_.Delay(item, now + delay * absl::Uniform(random_, 1.0, 1.5));
    return true;
  }

  void Store(size_t item, const std::string& key, const std::string& der,
             const std::vector<std::string>& issuers) {
    const absl::Status status = files_.Store(plan_[item], key, der, issuers);
    if (status.ok()) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        queue_.Settle(item);
        ++progress_.issued;
        last_progress_ = clock_.MonotonicNow();
      }
      changed_.notify_all();
    } else if (Reason(status) == reasons::kWrongCertificate) {
      Fail(item, status);
    } else {
      // The disk concerns all items: they would be issued to no avail.
      Stop(status);
    }
  }

  void Fail(size_t item, const absl::Status& status) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.Settle(item);
      failures_.push_back({item, status});
      ++progress_.failed;
      last_progress_ = clock_.MonotonicNow();
    }
    changed_.notify_all();
  }

  void Stop(const absl::Status& why) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stop_.ok()) {
        stop_ = why;
      }
      if (stream_ != nullptr) {
        stream_->Cancel();
      }
    }
    changed_.notify_all();
  }

  static absl::Status Interrupted() {
    return MakeError(absl::StatusCode::kCancelled, reasons::kInterrupted,
                     "interrupted; run the same command again to go on");
  }

  // Tick reports progress and watches for interruptions.
  void Tick() {
    std::optional<absl::Duration> drain_start;
    std::unique_lock<std::mutex> lock(mutex_);
    while (!changed_.wait_for(lock, kTick, [this] { return finished_; })) {
      progress_.elapsed = clock_.MonotonicNow() - start_;
      observer_.OnProgress(progress_);
      const int count =
          options_.interruptions == nullptr ? 0 : options_.interruptions();
      if (count == 0) {
        continue;
      }
      const absl::Duration now = clock_.MonotonicNow();
      if (!draining_) {
        draining_ = true;
        drain_start = now;
        changed_.notify_all();
      }
      if (count > 1 || now - *drain_start > options_.drain_timeout) {
        lock.unlock();
        Stop(Interrupted());
        lock.lock();
      }
    }
  }

  const ProvisionOptions& options_;
  const std::vector<PlannedItem>& plan_;
  const ItemFiles& files_;
  const StreamOpener& open_;
  Clock& clock_;
  ProvisionObserver& observer_;
  std::unordered_map<std::string, size_t> by_id_;
  const absl::Duration start_;
  // Written before the sender starts.
  std::shared_ptr<const std::vector<std::string>> issuers_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_ from here on.
  Backoff backoff_;
  ItemQueue queue_;
  ProvisionProgress progress_;
  std::vector<ItemFailure> failures_;
  absl::BitGen random_;
  IssueStream* stream_ = nullptr;  // while one is open
  bool stream_over_ = false;
  bool draining_ = false;
  bool finished_ = false;
  absl::Status stop_;  // not OK: end the run as soon as possible

  std::vector<std::string> keys_;  // of what is in flight
  absl::Duration last_progress_;
};

}  // namespace

ProvisionOutcome Provision(const ProvisionOptions& options,
                           const std::vector<PlannedItem>& plan,
                           const ItemFiles& files, const StreamOpener& open,
                           Clock& clock, ProvisionObserver& observer) {
  return Run(options, plan, files, open, clock, observer).ToEnd();
}

}  // namespace birthmark::cli
