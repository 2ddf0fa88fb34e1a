#include "lib/storage/listener_link.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

using std::chrono::steady_clock;

// How long a server may take to connect, or to answer a statement.
constexpr std::chrono::seconds kPatience(5);

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultDeleter>;

absl::Status Offline(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline,
                   absl::StripAsciiWhitespace(text));
}

int MillisUntil(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      deadline - steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3600 * 1000));
}

bool Succeeded(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

}  // namespace

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StopSignal::~StopSignal() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

void StopSignal::Raise() {
  raised_ = true;
  if (fd_ >= 0) {
    (void)eventfd_write(fd_, 1);
  }
}

void StopSignal::WaitUntil(Deadline deadline) const {
  pollfd fds[] = {{.fd = fd_, .events = POLLIN, .revents = 0}};
  while (!raised_ && steady_clock::now() < deadline) {
    poll(fds, 1, MillisUntil(deadline));
  }
}

absl::StatusOr<std::unique_ptr<ListenerLink>> ListenerLink::Connect(
    const std::string& dsn, const StopSignal& stop) {
  PGconn* const connection = PQconnectStart(dsn.c_str());
  if (connection == nullptr) {
    return Offline("there is no memory for a connection");
  }
  auto link = std::unique_ptr<ListenerLink>(new ListenerLink(connection, stop));
  // Or libpq writes to standard error, which is the log.
  PQsetNoticeReceiver(
      connection, [](void*, const PGresult*) {}, nullptr);
  if (PQstatus(connection) == CONNECTION_BAD) {
    return link->Lost();
  }
  const Deadline deadline = steady_clock::now() + kPatience;
  short events = POLLOUT;
  while (true) {
    BIRTHMARK_RETURN_IF_ERROR(link->Wait(events, deadline));
    if (steady_clock::now() >= deadline) {
      return Offline("the database did not answer in time");
    }
    switch (PQconnectPoll(connection)) {
      case PGRES_POLLING_OK:
        return link;
      case PGRES_POLLING_FAILED:
        return link->Lost();
      case PGRES_POLLING_READING:
        events = POLLIN;
        break;
      default:
        events = POLLOUT;
    }
  }
}

ListenerLink::~ListenerLink() { PQfinish(connection_); }

absl::Status ListenerLink::Exec(const std::string& sql) {
  BIRTHMARK_RETURN_IF_ERROR(Ask(sql));
  const Deadline deadline = steady_clock::now() + kPatience;
  while (true) {
    BIRTHMARK_ASSIGN_OR_RETURN(const bool done, Collect());
    if (done) {
      return absl::OkStatus();
    }
    BIRTHMARK_RETURN_IF_ERROR(Wait(POLLIN, deadline));
    if (steady_clock::now() >= deadline) {
      return Offline("the database did not answer in time");
    }
    if (PQconsumeInput(connection_) == 0) {
      return Lost();
    }
  }
}

absl::StatusOr<std::string> ListenerLink::Identifier(absl::string_view name) {
  char* const quoted =
      PQescapeIdentifier(connection_, name.data(), name.size());
  if (quoted == nullptr) {
    return Lost();
  }
  std::string text = quoted;
  PQfreemem(quoted);
  return text;
}

absl::Status ListenerLink::Ask(const std::string& sql) {
  answer_.clear();
  return PQsendQuery(connection_, sql.c_str()) == 1 ? absl::OkStatus() : Lost();
}

absl::Status ListenerLink::Receive(Deadline deadline, const Hear& hear) {
  BIRTHMARK_RETURN_IF_ERROR(Wait(POLLIN, deadline));
  if (PQconsumeInput(connection_) == 0) {
    return Lost();
  }
  HandOver(hear);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> ListenerLink::TakeAnswer(
    const Hear& hear) {
  BIRTHMARK_ASSIGN_OR_RETURN(const bool done, Collect());
  if (!done) {
    return std::nullopt;
  }
  HandOver(hear);
  return answer_;
}

absl::Status ListenerLink::Wait(short events, Deadline deadline) const {
  while (true) {
    if (stop_.raised()) {
      return absl::CancelledError("stopped");
    }
    pollfd fds[] = {{.fd = PQsocket(connection_), .events = events},
                    {.fd = stop_.fd(), .events = POLLIN}};
    const int ready = poll(fds, 2, MillisUntil(deadline));
    if (ready < 0 && errno != EINTR) {
      return Offline("cannot wait for the database");
    }
    if (fds[0].revents != 0 || steady_clock::now() >= deadline) {
      return absl::OkStatus();
    }
  }
}

// Collect takes the results that have arrived, all of which must be good; true
// if they have all arrived.
absl::StatusOr<bool> ListenerLink::Collect() {
  while (PQisBusy(connection_) == 0) {
    const Result result(PQgetResult(connection_));
    if (result == nullptr) {
      return true;
    }
    if (!Succeeded(result.get())) {
      return Lost();
    }
    if (PQntuples(result.get()) > 0) {
      answer_ = PQgetvalue(result.get(), 0, 0);
    }
  }
  return false;
}

absl::Status ListenerLink::Lost() const {
  return Offline(PQerrorMessage(connection_));
}

void ListenerLink::HandOver(const Hear& hear) {
  while (PGnotify* const notification = PQnotifies(connection_)) {
    hear(notification->relname, notification->extra);
    PQfreemem(notification);
  }
}

}  // namespace birthmark::storage
