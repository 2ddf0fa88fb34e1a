#include "services/registration/stream_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/time.h"

namespace birthmark::registration {
namespace {

constexpr std::chrono::seconds kPeriod(1);

}  // namespace

StreamWatch::StreamWatch(const Windows& windows, Clock& clock)
    : windows_(windows), clock_(clock), worker_([this] { Work(); }) {}

StreamWatch::~StreamWatch() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  worker_.join();
}

void StreamWatch::Add(std::weak_ptr<IssueStream> stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  streams_.push_back(std::move(stream));
}

void StreamWatch::Look() {
  std::vector<std::shared_ptr<IssueStream>> streams;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::weak_ptr<IssueStream>> alive;
    for (std::weak_ptr<IssueStream>& stream : streams_) {
      if (auto held = stream.lock()) {
        streams.push_back(std::move(held));
        alive.push_back(std::move(stream));
      }
    }
    streams_ = std::move(alive);
  }
  const absl::Duration now = clock_.MonotonicNow();
  for (const auto& stream : streams) {
    stream->Tick(now);
  }
  if (!windows_.Contended()) {
    return;
  }
  for (const auto& stream : streams) {
    stream->DropIfStalled(now);
  }
  // Streams are in the order of their beginning.
  for (const auto& stream : streams) {
    if (stream->GiveWay(now)) {
      return;
    }
  }
}

void StreamWatch::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [this] { return stopped_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

}  // namespace birthmark::registration
