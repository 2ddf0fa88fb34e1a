#ifndef BIRTHMARK_LIB_STORAGE_DATABASE_H_
#define BIRTHMARK_LIB_STORAGE_DATABASE_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::storage {

class Session;

// Database is a bounded pool of connections to one PostgreSQL database, under
// one role. Connections are made when they are needed, kept, and replaced after
// they broke. Thread-safe. Must outlive the stores that use it.
class Database {
 public:
  struct Options {
    // libpq's connection string, "host=… dbname=… user=…" or a URI.
    std::string dsn;
    // At most that many at a time; as many as there are threads that call.
    int connections = 8;
    // How long a caller waits for a connection when all are taken.
    absl::Duration acquire_timeout = absl::Seconds(5);
    // False: Open does not connect, for who must start without its database.
    bool connect_at_once = true;
  };

  // Open connects once, to find mistakes in the connection string at start.
  // kInvalidArgument if there are no connections to be had, kUnavailable /
  // DATABASE_OFFLINE with the reason that libpq gave: for the operator's eyes.
  static absl::StatusOr<std::unique_ptr<Database>> Open(Options options);
  static absl::StatusOr<std::unique_ptr<Database>> Open(absl::string_view dsn,
                                                        int connections);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // What to do if the connection broke while the transaction committed, so that
  // nobody knows whether it did.
  enum class InDoubt {
    kReport,  // fail with kUnknown
    kRerun,   // run it again: the body finds what it did and does it only once
  };

  // Transact runs `body` in a transaction and commits it if it returns OK;
  // rolls back and returns its status if not. Runs it again, a few times, after
  // a serialisation failure, a deadlock or Session::Rerun, and once after the
  // connection broke before the commit: `body` must not have effects elsewhere.
  // Besides what `body` fails with: kAborted / TRANSACTION_CONFLICT,
  // kUnavailable / DATABASE_OFFLINE, kResourceExhausted / SERVER_OVERLOADED,
  // kUnknown, kInternal (text not for callers).
  absl::Status Transact(absl::FunctionRef<absl::Status(Session&)> body,
                        InDoubt in_doubt = InDoubt::kReport);

  // TransactInOne is Transact for a `body` that executes exactly one statement:
  // PostgreSQL makes that a transaction of its own, which saves the round trips
  // of BEGIN and COMMIT. It is committed whatever `body` returns.
  absl::Status TransactInOne(absl::FunctionRef<absl::Status(Session&)> body,
                             InDoubt in_doubt = InDoubt::kReport);

  // Read runs `body`, which executes statements that only read, without a
  // transaction around them: one round trip a statement. Fails likewise.
  absl::Status Read(absl::FunctionRef<absl::Status(Session&)> body);

 private:
  class Pool;
  enum class Mode { kTransaction, kOneStatement, kRead };

  explicit Database(std::unique_ptr<Pool> pool);
  absl::Status Run(Mode mode, InDoubt in_doubt,
                   absl::FunctionRef<absl::Status(Session&)> body);

  const std::unique_ptr<Pool> pool_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DATABASE_H_
