#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/connection_string.h"
#include "lib/storage/listener_link.h"

namespace birthmark::storage {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstDelay(20);
constexpr std::chrono::milliseconds kLongestDelay(1000);
constexpr std::chrono::seconds kAnswerWithin(5);

class PgChangeListener : public ChangeListener {
 public:
  PgChangeListener(Options options, Callbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        heartbeat_(absl::ToChronoMilliseconds(
            std::max(options_.heartbeat, absl::Milliseconds(10)))),
        thread_([this] { Run(); }) {}
  ~PgChangeListener() override {
    stop_.Raise();
    thread_.join();
  }

  bool owner() const override { return owner_; }
  bool connected() const override { return connected_; }

 private:
  void Run();
  // Follow connects and listens until the connection is lost, and says why.
  absl::Status Follow();
  absl::Status Listen(ListenerLink& link);
  absl::Status Beat(ListenerLink& link);
  void Lose(const absl::Status& status);

  const Options options_;
  const Callbacks callbacks_;
  const std::chrono::milliseconds heartbeat_;
  std::atomic<bool> owner_{false};
  std::atomic<bool> connected_{false};
  bool told_lost_ = false;
  std::chrono::milliseconds delay_ = kFirstDelay;
  StopSignal stop_;
  std::thread thread_;  // the last: it uses all of the above
};

void PgChangeListener::Run() {
  while (!stop_.raised()) {
    const absl::Status status = Follow();
    if (!stop_.raised()) {
      Lose(status);
      stop_.WaitUntil(steady_clock::now() + delay_);
      delay_ = std::min(2 * delay_, kLongestDelay);
    }
  }
  owner_ = false;
  connected_ = false;
}

void PgChangeListener::Lose(const absl::Status& status) {
  // Once for each time that it is away, not for each attempt.
  if (!std::exchange(told_lost_, true)) {
    callbacks_.on_lost(status);
  }
}

absl::Status PgChangeListener::Follow() {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto link,
      ListenerLink::Connect(WithDefaults(options_.dsn), stop_));
  BIRTHMARK_RETURN_IF_ERROR(Listen(*link));
  BIRTHMARK_RETURN_IF_ERROR(callbacks_.on_connected());
  connected_ = true;
  told_lost_ = false;
  const absl::Status status = Beat(*link);
  // Before the connection goes, and with it what it owns.
  owner_ = false;
  connected_ = false;
  return status;
}

absl::Status PgChangeListener::Listen(ListenerLink& link) {
  std::string sql = "SET statement_timeout = '5s'";
  for (const std::string& channel : options_.channels) {
    BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                               link.Identifier(channel));
    absl::StrAppend(&sql, "; LISTEN ", name);
  }
  return link.Exec(sql);
}

// Beat hears what comes and asks at every heartbeat whether the database is
// there, until it is not.
absl::Status PgChangeListener::Beat(ListenerLink& link) {
  Deadline next = steady_clock::now();
  std::optional<Deadline> answer_by;
  while (true) {
    if (!answer_by.has_value() && steady_clock::now() >= next) {
      const bool wants = options_.ownership != 0 && !owner_;
      BIRTHMARK_RETURN_IF_ERROR(
          link.Ask(wants ? absl::StrCat("SELECT pg_try_advisory_lock(16973, ",
                                        options_.ownership, ")")
                         : "SELECT ''"));
      answer_by = steady_clock::now() + kAnswerWithin;
      next = steady_clock::now() + heartbeat_;
    }
    BIRTHMARK_RETURN_IF_ERROR(
        link.Receive(answer_by.value_or(next), callbacks_.on_notification));
    if (!answer_by.has_value()) {
      continue;
    }
    BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<std::string> answer,
                               link.TakeAnswer(callbacks_.on_notification));
    if (answer.has_value()) {
      answer_by.reset();
      delay_ = kFirstDelay;
      owner_ = owner_ || *answer == "t";
      callbacks_.on_alive();
    } else if (steady_clock::now() >= *answer_by) {
      return MakeError(absl::StatusCode::kUnavailable,
                       reasons::kDatabaseOffline,
                       "the database does not answer");
    }
  }
}

}  // namespace

std::unique_ptr<ChangeListener> ChangeListener::Start(Options options,
                                                      Callbacks callbacks) {
  return std::make_unique<PgChangeListener>(std::move(options),
                                            std::move(callbacks));
}

}  // namespace birthmark::storage
