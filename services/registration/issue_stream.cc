#include "services/registration/issue_stream.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/spread_delay.h"

namespace birthmark::registration {
namespace {

// How long those who ended for the load or a shutdown should stay away at
// least. Who gives way comes back after those who waited.
constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kRetryAfterTurn = absl::Seconds(3);

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

template <typename Items>
size_t SizeOf(const Items& items) {
  size_t bytes = 0;
  for (const auto& item : items) {
    bytes += item.ByteSizeLong();
  }
  return bytes;
}

}  // namespace

IssueStream::IssueStream(rpc::BidiStream<Response> stream, Opener opener,
                         Worker worker, Windows& windows,
                         ThreadPool& batch_pool, Clock& clock, Metrics& metrics)
    : stream_(std::move(stream)),
      opener_(std::move(opener)),
      worker_(std::move(worker)),
      windows_(windows),
      batch_pool_(batch_pool),
      clock_(clock),
      metrics_(metrics),
      active_at_(clock.MonotonicNow()) {
  metrics_.streams.Add(1);
}

IssueStream::~IssueStream() {
  metrics_.streams.Add(-1);
  metrics_.items_in_flight.Add(-static_cast<double>(unanswered_));
}

void IssueStream::OnMessage(Request request) {
  switch (request.payload_case()) {
    case Request::kOpen:
      return Open(request.open());
    case Request::kItems:
      return Accept(std::move(*request.mutable_items()));
    case Request::PAYLOAD_NOT_SET:
      return End(Invalid("payload", "must be open or items"));
  }
}

void IssueStream::Open(const Request::Open& open) {
  if (opened_) {
    return End(Invalid("open", "must be the first message and no other"));
  }
  absl::StatusOr<Opened> opened = opener_(open);
  if (!opened.ok()) {
    return End(opened.status());
  }
  auto window = windows_.Take(opened->batch.actor);
  if (!window.ok()) {
    return End(window.status());
  }
  opened_ = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    window_ = *std::move(window);
    batch_ = std::move(opened->batch);
    active_at_ = clock_.MonotonicNow();
    opened_at_ = active_at_;
  }
  opened->message.set_max_in_flight(static_cast<int32_t>(window_->size()));
  Response response;
  *response.mutable_opened() = std::move(opened->message);
  stream_.Write(std::move(response));
  stream_.RequestNext();
}

void IssueStream::Accept(Request::Items items) {
  if (!opened_) {
    return End(Invalid("items", "must come after open"));
  }
  if (items.items_size() > kMaxItemsPerMessage) {
    return End(Invalid("items.items",
                       absl::StrCat("must have at most ", kMaxItemsPerMessage,
                                    " items, has ", items.items_size())));
  }
  const size_t count = static_cast<size_t>(items.items_size());
  const size_t bytes = SizeOf(items.items());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) {
      return;
    }
    if (unanswered_ + count > window_->size()) {
      const std::string limit = absl::StrCat(window_->size());
      return EndLocked(WithRetryAfter(
          MakeError(absl::StatusCode::kResourceExhausted,
                    reasons::kTooManyInFlight,
                    absl::StrCat("more than ", limit,
                                 " items are unanswered: wait for results "
                                 "before sending more"),
                    {{"limit", limit}}),
          SpreadDelay(kRetry)));
    }
    std::move(items.mutable_items()->begin(), items.mutable_items()->end(),
              std::back_inserter(pending_));
    unanswered_ += count;
    unanswered_bytes_ += bytes;
    active_at_ = clock_.MonotonicNow();
    metrics_.items_in_flight.Add(static_cast<double>(count));
    StartTasks();
    paused_ = unanswered_bytes_ > MaxBytes();
    if (paused_ || !leaving_.ok()) {
      return;
    }
  }
  stream_.RequestNext();
}

void IssueStream::StartTasks() {
  // A task that starts takes kMicroBatch of what is waiting now.
  size_t waiting = pending_.size();
  while (waiting > 0 && tasks_ < kMaxTasks &&
         (tasks_ == 0 || waiting >= kWorthATask)) {
    if (!batch_pool_.TrySchedule(
            [self = shared_from_this()] { self->RunTask(); })) {
      break;
    }
    ++tasks_;
    waiting -= std::min(waiting, kMicroBatch);
  }
  if (tasks_ == 0 && waiting > 0) {
    EndLocked(WithRetryAfter(
        MakeError(absl::StatusCode::kResourceExhausted,
                  reasons::kServerOverloaded,
                  "too many batches are in work: open the batch again later",
                  {{"limit", absl::StrCat(batch_pool_.QueueLength())}}),
        SpreadDelay(kRetry)));
  }
}

void IssueStream::RunTask() {
  while (true) {
    std::vector<Request::Item> items;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const size_t count = std::min(pending_.size(), kMicroBatch);
      if (ended_ || count == 0) {
        --tasks_;
        return FinishIfDone();
      }
      items.assign(std::make_move_iterator(pending_.begin()),
                   std::make_move_iterator(pending_.begin() + count));
      pending_.erase(pending_.begin(), pending_.begin() + count);
    }
    auto results = worker_(batch_, items, [this] { return IsEnded(); });
    if (results.ok()) {
      Answer(SizeOf(items), *std::move(results));
    } else {
      End(results.status());
    }
    // To the back of the queue, so that no stream keeps others waiting. Without
    // a place in the queue the task goes on itself.
    if (batch_pool_.TrySchedule(
            [self = shared_from_this()] { self->RunTask(); })) {
      return;
    }
  }
}

void IssueStream::Answer(size_t bytes, std::vector<Response::Result> results) {
  bool resume = false;
  {
    // Before they are written: the client may send the next items as soon as
    // it has them.
    std::lock_guard<std::mutex> lock(mutex_);
    unanswered_ -= results.size();
    unanswered_bytes_ -= bytes;
    active_at_ = clock_.MonotonicNow();
    resume = paused_ && unanswered_bytes_ <= MaxBytes() && leaving_.ok();
    paused_ = paused_ && !resume;
    metrics_.items_in_flight.Add(-static_cast<double>(results.size()));
  }
  Response response;
  auto& list = *response.mutable_results()->mutable_results();
  list.Reserve(static_cast<int>(results.size()));
  for (Response::Result& result : results) {
    list.Add(std::move(result));
  }
  stream_.Write(std::move(response));
  if (resume) {
    stream_.RequestNext();
  }
}

void IssueStream::OnHalfClose() {
  if (!opened_) {
    return End(Invalid("open", "must be sent before the stream is closed"));
  }
  std::lock_guard<std::mutex> lock(mutex_);
  half_closed_ = true;
  FinishIfDone();
}

void IssueStream::OnCancel() {
  std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  ended_at_ = clock_.MonotonicNow();
  pending_.clear();
}

void IssueStream::OnDrain() {
  Leave(WithRetryAfter(
      MakeError(absl::StatusCode::kUnavailable, reasons::kServerDraining,
                "the server shuts down: open the batch again"),
      SpreadDelay(kRetry)));
}

void IssueStream::Tick(absl::Duration now) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) {
      if (now - ended_at_ >= kLinger) {
        stream_.Cut();
      }
      return;
    }
    if (unanswered_ > 0 || now - active_at_ < kMaxIdle) {
      return;
    }
  }
  Leave(WithRetryAfter(
      MakeError(absl::StatusCode::kUnavailable, reasons::kStreamIdle,
                "nothing was sent for long: open the batch again"),
      SpreadDelay(kRetry)));
}

void IssueStream::DropIfStalled(absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (ended_ || window_ == nullptr || unanswered_ > 0 ||
      now - active_at_ < kMaxStalled || stream_.PendingWrites() == 0) {
    return;
  }
  windows_.Penalise(batch_.actor);
  EndLocked(WithRetryAfter(
      MakeError(absl::StatusCode::kResourceExhausted, reasons::kTooManyInFlight,
                "answers are waiting and are not read; read them",
                {{"limit", absl::StrCat(window_->size())}}),
      Windows::kPenalty));
  stream_.Cut();
}

bool IssueStream::GiveWay(absl::Duration now) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_ || !leaving_.ok() || !opened_at_.has_value() ||
        now - *opened_at_ < kTurn) {
      return false;
    }
  }
  Leave(WithRetryAfter(
      MakeError(absl::StatusCode::kResourceExhausted,
                reasons::kServerOverloaded,
                "other lines are waiting for their turn: open the batch again "
                "later"),
      SpreadDelay(kRetryAfterTurn)));
  return true;
}

void IssueStream::Leave(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (leaving_.ok()) {
    leaving_ = std::move(status);
  }
  FinishIfDone();
}

void IssueStream::FinishIfDone() {
  if (ended_ || tasks_ > 0 || !pending_.empty()) {
    return;
  }
  if (half_closed_) {
    EndLocked(absl::OkStatus());
  } else if (!leaving_.ok()) {
    EndLocked(leaving_);
  }
}

void IssueStream::End(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  EndLocked(std::move(status));
}

void IssueStream::EndLocked(absl::Status status) {
  if (ended_) {
    return;
  }
  ended_ = true;
  ended_at_ = clock_.MonotonicNow();
  pending_.clear();
  stream_.Finish(std::move(status));
}

bool IssueStream::IsEnded() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_;
}

}  // namespace birthmark::registration
