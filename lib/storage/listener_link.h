#ifndef BIRTHMARK_LIB_STORAGE_LISTENER_LINK_H_
#define BIRTHMARK_LIB_STORAGE_LISTENER_LINK_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct pg_conn;  // libpq's PGconn

namespace birthmark::storage {

using Deadline = std::chrono::steady_clock::time_point;

// StopSignal ends waits for good. Thread-safe.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void Raise();
  bool raised() const { return raised_; }
  int fd() const { return fd_; }
  // WaitUntil waits for the deadline or the signal.
  void WaitUntil(Deadline deadline) const;

 private:
  std::atomic<bool> raised_{false};
  const int fd_;
};

// ListenerLink is one connection to PostgreSQL that never waits longer than it
// is told, and not at all once `stop` is raised. `stop` must outlive it. Not
// thread-safe. Everything fails with kUnavailable / DATABASE_OFFLINE and what
// libpq says, or with kCancelled when stopped; the connection is of no use
// then.
class ListenerLink {
 public:
  static absl::StatusOr<std::unique_ptr<ListenerLink>> Connect(
      const std::string& dsn, const StopSignal& stop);
  ~ListenerLink();
  ListenerLink(const ListenerLink&) = delete;
  ListenerLink& operator=(const ListenerLink&) = delete;

  // Exec executes statements without results.
  absl::Status Exec(const std::string& sql);
  // Identifier quotes a name.
  absl::StatusOr<std::string> Identifier(absl::string_view name);

  // Ask sends a statement whose answer TakeAnswer has later.
  absl::Status Ask(const std::string& sql);
  // Receive waits until something arrives, or for the deadline, and hands over
  // the notifications that have come.
  using Hear =
      std::function<void(absl::string_view channel, absl::string_view payload)>;
  absl::Status Receive(Deadline deadline, const Hear& hear);
  // TakeAnswer returns the first field of the answer if it is there, having
  // handed over the notifications that came before it.
  absl::StatusOr<std::optional<std::string>> TakeAnswer(const Hear& hear);

 private:
  ListenerLink(pg_conn* connection, const StopSignal& stop)
      : connection_(connection), stop_(stop) {}
  absl::Status Wait(short events, Deadline deadline) const;
  absl::StatusOr<bool> Collect();
  absl::Status Lost() const;
  void HandOver(const Hear& hear);

  pg_conn* const connection_;
  const StopSignal& stop_;
  std::string answer_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_LISTENER_LINK_H_
