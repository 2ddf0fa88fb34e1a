#include "lib/http/loop.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/http/date.h"

namespace birthmark::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// Deadlines are met within an eighth of the shortest.
int64_t TickOf(const Timeouts& timeouts) {
  const int64_t shortest =
      std::min({timeouts.request, timeouts.idle, timeouts.write});
  return std::clamp<int64_t>(shortest / 8, 10, 250);
}

// Descriptor closes what nobody took.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~Descriptor() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  int Release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

}  // namespace

Loop::Loop(const Settings& settings, const Handler& handler, Clock& clock,
           std::function<void()> on_empty)
    : settings_(settings),
      clock_(clock),
      tick_ms_(TickOf(settings.timeouts)),
      inbox_(std::make_shared<Inbox>(
          [this] { asio::post(context_, [this] { TakeAnswers(); }); })),
      set_{{settings.limits, handler, inbox_, ""},
           settings.timeouts,
           settings.metrics} {
  set_.on_empty = std::move(on_empty);
}

Loop::~Loop() { Stop(); }

void Loop::Run() {
  thread_ = std::thread([this] { context_.run(); });
}

void Loop::Adopt(int descriptor, tcp protocol) {
  set_.load.fetch_add(1, std::memory_order_relaxed);
  asio::dispatch(context_,
                 [this, protocol, owned = Descriptor(descriptor)]() mutable {
                   AdoptHere(owned.Release(), protocol);
                 });
}

void Loop::AdoptHere(int descriptor, tcp protocol) {
  if (!ticking_) {
    ReadClock();
    ScheduleTick();
  }
  tcp::socket socket(context_);
  error_code error;
  socket.assign(protocol, descriptor, error);
  if (error) {
    ::close(descriptor);
  }
  bool refused = ending_ || static_cast<bool>(error);
  if (!refused && set_.size() >= settings_.connections && !ShedIdleHere()) {
    refused = true;
    if (settings_.metrics != nullptr) {
      settings_.metrics->refused_limit.Increment();
    }
  }
  if (refused) {
    set_.load.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  set_.Add(std::move(socket), next_id_++);
}

void Loop::ShedIdle() {
  asio::dispatch(context_, [this] { ShedIdleHere(); });
}

bool Loop::ShedIdleHere() {
  if (set_.idle.empty()) {
    return false;
  }
  if (settings_.metrics != nullptr) {
    settings_.metrics->displaced.Increment();
  }
  set_.idle.front()->Close();
  return true;
}

void Loop::EndSoon() {
  asio::dispatch(context_, [this] {
    ending_ = true;
    std::vector<Connection*> all;
    for (const auto& [id, connection] : set_.by_id) {
      all.push_back(connection);
    }
    for (Connection* connection : all) {
      connection->EndSoon();
    }
    set_.Reap();
    if (set_.empty()) {
      set_.on_empty();
    }
  });
}

void Loop::Stop() {
  if (thread_.joinable()) {
    asio::post(context_, [this] { context_.stop(); });
    thread_.join();
  }
  inbox_->Close();
  ending_ = true;
  while (!set_.idle.empty()) {
    set_.idle.front()->Close();
  }
  while (!set_.busy.empty()) {
    set_.busy.front()->Close();
  }
}

void Loop::TakeAnswers() {
  inbox_->Take(answers_);
  for (Inbox::Answered& answered : answers_) {
    const auto found = set_.by_id.find(answered.conversation);
    if (found != set_.by_id.end()) {
      found->second->Answered(answered.sequence, std::move(answered.response));
    }
  }
  answers_.clear();
  set_.Reap();
}

void Loop::ReadClock() {
  set_.now_ms = absl::ToInt64Milliseconds(clock_.MonotonicNow());
  const absl::Time now = clock_.Now();
  const int64_t second = absl::ToUnixSeconds(now);
  if (second != date_second_) {
    date_second_ = second;
    set_.shared.date = absl::StrCat("Date: ", HttpDate(now), "\r\n");
  }
}

void Loop::ScheduleTick() {
  ticking_ = true;
  timer_.expires_after(std::chrono::milliseconds(tick_ms_));
  timer_.async_wait([this](const error_code& error) {
    ticking_ = false;
    if (!error) {
      Tick();
    }
  });
}

void Loop::Tick() {
  ReadClock();
  while (!set_.idle.empty() &&
         set_.idle.front()->deadline_ms() <= set_.now_ms) {
    set_.idle.front()->CheckDeadline();
  }
  for (auto it = set_.busy.begin(); it != set_.busy.end();) {
    Connection& connection = **it++;
    connection.CheckDeadline();
  }
  set_.Reap();
  // Without connections there is nothing to time.
  if (!set_.empty()) {
    ScheduleTick();
  }
}

}  // namespace birthmark::http
