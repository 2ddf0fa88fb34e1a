#include "tests/bench/insistent_line.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/rpc/status.h"

namespace birthmark::bench {
namespace {

using provisioning::v1::Batch;
using provisioning::v1::CreateBatchRequest;

constexpr char kService[] = "birthmark.provisioning.v1.ProvisioningService.";
// For whoever was not told how long to wait.
constexpr absl::Duration kDelay = absl::Milliseconds(500);

}  // namespace

InsistentLine::InsistentLine(rpc::GrpcChannel& channel,
                             InsistentLineOptions options,
                             std::vector<Item> items)
    : channel_(channel),
      options_(std::move(options)),
      items_(std::move(items)),
      done_(items_.size()),
      worker_([this] { Work(); }) {}

InsistentLine::~InsistentLine() { Stop(); }

void InsistentLine::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (stream_ != nullptr) {
      stream_->Cancel();
    }
  }
  changed_.notify_all();
  if (worker_.joinable()) {
    worker_.join();
  }
}

void InsistentLine::Work() {
  while (true) {
    const absl::Status status = Converse();
    absl::Duration delay = kDelay;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_ || status.ok()) {
        return;
      }
      delay = Note(status);
    }
    Pause(delay);
  }
}

absl::Status InsistentLine::Converse() {
  CreateBatchRequest create;
  create.set_parent(options_.parent);
  create.set_batch_id(options_.batch);
  const auto batch =
      channel_.Unary<Batch>(absl::StrCat(kService, "CreateBatch"), create);
  if (!batch.ok()) {
    return batch.status();
  }
  Stream stream =
      channel_.Bidi<Request, Response>(absl::StrCat(kService, "IssueBatch"));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) {
      return absl::OkStatus();
    }
    stream_ = &stream;
    over_ = false;
    unanswered_ = 0;
    waiting_.clear();
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!done_[i]) {
        waiting_.push_back(i);
      }
    }
  }
  Request open;
  open.mutable_open()->set_batch(batch->name());
  Response response;
  if (stream.Write(open) && stream.Read(response)) {
    const size_t allowed =
        static_cast<size_t>(response.opened().max_in_flight());
    std::thread receiver([&] { Receive(stream); });
    Send(stream, options_.greedy ? 2 * allowed : allowed);
    receiver.join();
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_ = nullptr;
  }
  return stream.Finish();
}

void InsistentLine::Send(Stream& stream, size_t in_flight) {
  // The more lines there are, the less each may send at a time.
  const size_t message = std::min(options_.items_per_message, in_flight);
  while (true) {
    Request request;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] {
        return stopping_ || over_ ||
               (!waiting_.empty() && unanswered_ + message <= in_flight) ||
               (waiting_.empty() && unanswered_ == 0);
      });
      if (stopping_ || over_) {
        return;
      }
      if (waiting_.empty()) {
        break;
      }
      const absl::Duration wait = not_before_ - Clock::Real().MonotonicNow();
      if (wait > absl::ZeroDuration()) {
        changed_.wait_for(lock, absl::ToChronoNanoseconds(wait),
                          [this] { return stopping_ || over_; });
        continue;
      }
      const size_t count = std::min(message, waiting_.size());
      for (size_t i = 0; i < count; ++i) {
        *request.mutable_items()->add_items() = items_[waiting_.front()];
        waiting_.pop_front();
      }
      unanswered_ += count;
    }
    if (!stream.Write(request)) {
      return;
    }
  }
  stream.WritesDone();
}

void InsistentLine::Receive(Stream& stream) {
  Response response;
  while (stream.Read(response)) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (const Response::Result& result : response.results().results()) {
        Take(result);
      }
    }
    changed_.notify_all();
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
}

void InsistentLine::Take(const Response::Result& result) {
  const size_t item = ItemNumber(result.item_id());
  if (unanswered_ > 0) {
    --unanswered_;
  }
  if (item >= items_.size() || done_[item]) {
    return;
  }
  if (!result.certificate_der().empty()) {
    done_[item] = true;
    ++certificates_;
    return;
  }
  not_before_ = std::max(not_before_, Clock::Real().MonotonicNow() +
                                          Note(rpc::FromProto(result.error())));
  waiting_.push_back(item);
}

absl::Duration InsistentLine::Note(const absl::Status& why) {
  const std::string reason = Reason(why);
  const std::optional<ErrorInfo> info = GetErrorInfo(why);
  const bool says_when = info.has_value() && info->retry_after.has_value();
  if (absl::IsResourceExhausted(why)) {
    ++refusals_.exhausted[reason];
    refusals_.without_delay += says_when ? 0 : 1;
  } else {
    ++refusals_.other[reason.empty() ? why.ToString() : reason];
  }
  return says_when ? *info->retry_after : kDelay;
}

void InsistentLine::Pause(absl::Duration time) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(time),
                    [this] { return stopping_; });
}

}  // namespace birthmark::bench
