#include "lib/storage/database.h"

#include <postgresql/libpq-fe.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/catch.h"
#include "lib/storage/connection_string.h"
#include "lib/storage/session.h"
#include "pqxx/connection"
#include "pqxx/except"
#include "pqxx/nontransaction"
#include "pqxx/transaction"

namespace birthmark::storage {
namespace {

// How often a transaction runs that others keep getting in the way of. Each
// time one of those others gets done, so a queue of as many threads empties.
constexpr int kMaxConflicts = 30;
// A pool may hold connections that broke while nobody used them: all go at the
// first that shows, so the second run has a new one.
constexpr int kMaxBroken = 2;

// The settings that the stores rely on.
//
// Every query of theirs is a look-up by index, a few hundred rows at most. What
// the planner thinks of tables that were empty a minute ago, when a line
// starts, would make it scan or hash them whole; and with dozens of partitions
// planning once per statement and connection pays.
//
// An answer means durable: a server that is set to less is set right; one that
// is set to more (remote_apply) stays so.
constexpr char kSettings[] = R"(
  SET TimeZone = 'UTC';
  SET DateStyle = 'ISO';
  SET bytea_output = 'hex';
  SET statement_timeout = '30s';
  SET lock_timeout = '10s';
  SET idle_in_transaction_session_timeout = '60s';
  SET plan_cache_mode = force_generic_plan;
  SET enable_seqscan = off;
  SET enable_hashjoin = off;
  SET enable_mergejoin = off;
  SET enable_material = off;
  SET jit = off;
  SET max_parallel_workers_per_gather = 0;
  SELECT set_config('synchronous_commit', 'on', false)
  WHERE current_setting('synchronous_commit') IN ('off', 'local');
)";

struct Connection {
  std::unique_ptr<pqxx::connection> handle;
  PGconn* raw = nullptr;  // which `handle` owns
  std::set<std::string> prepared;
  int64_t generation = 0;
};

std::unique_ptr<Connection> Connect(const std::string& dsn) {
  auto connection = std::make_unique<Connection>();
  // COPY in binary needs libpq's handle, and libpqxx gives out none of its own.
  connection->raw = PQconnectdb(dsn.c_str());
  if (connection->raw == nullptr) {
    throw std::bad_alloc();
  }
  connection->handle = std::make_unique<pqxx::connection>(
      pqxx::connection::seize_raw_connection(connection->raw));
  if (PQstatus(connection->raw) != CONNECTION_OK) {
    throw pqxx::broken_connection(PQerrorMessage(connection->raw));
  }
  // Or libpq writes to standard error, which is the log.
  PQsetNoticeReceiver(
      connection->raw, [](void*, const PGresult*) {}, nullptr);
  pqxx::nontransaction(*connection->handle).exec(kSettings);
  return connection;
}

void SleepBeforeRun(int run) {
  thread_local absl::BitGen random;
  const int64_t limit_us = 1000 * std::min(run * run, 50);
  std::this_thread::sleep_for(std::chrono::microseconds(
      absl::Uniform<int64_t>(random, 200, limit_us + 201)));
}

}  // namespace

// Pool lends connections. Thread-safe.
class Database::Pool {
 public:
  explicit Pool(Options options)
      : options_(std::move(options)), dsn_(WithDefaults(options_.dsn)) {}

  // Lease has the connection until it ends, then gives it back.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    ~Lease() { pool_.Release(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Connection& connection() { return *connection_; }
    // EnsureConnected connects if the pool had no idle connection to give. May
    // throw what libpqxx throws.
    void EnsureConnected() {
      if (connection_ == nullptr) {
        const int64_t generation = pool_.generation();
        connection_ = Connect(pool_.dsn_);
        connection_->generation = generation;
      }
    }
    // Drop closes the connection, and all that are as old.
    void Drop() {
      if (connection_ != nullptr) {
        pool_.Retire(connection_->generation);
        connection_.reset();
      }
    }

   private:
    Pool& pool_;
    std::unique_ptr<Connection> connection_;
  };

  absl::StatusOr<std::unique_ptr<Lease>> Acquire() {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto timeout = absl::ToChronoNanoseconds(options_.acquire_timeout);
    if (!freed_.wait_for(lock, timeout,
                         [this] { return lent_ < options_.connections; })) {
      return WithRetryAfter(
          MakeError(absl::StatusCode::kResourceExhausted,
                    reasons::kServerOverloaded,
                    "all database connections are busy",
                    {{"limit", absl::StrCat(options_.connections)}}),
          absl::Seconds(1));
    }
    ++lent_;
    std::unique_ptr<Connection> connection;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    return std::make_unique<Lease>(*this, std::move(connection));
  }

 private:
  int64_t generation() {
    std::lock_guard<std::mutex> lock(mutex_);
    return generation_;
  }

  void Release(std::unique_ptr<Connection> connection) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      --lent_;
      if (connection != nullptr && connection->generation == generation_) {
        idle_.push_back(std::move(connection));
      }
    }
    freed_.notify_one();
  }

  void Retire(int64_t generation) {
    std::vector<std::unique_ptr<Connection>> old;
    std::lock_guard<std::mutex> lock(mutex_);
    if (generation == generation_) {
      ++generation_;
      old.swap(idle_);
    }
  }

  const Options options_;
  const std::string dsn_;
  std::mutex mutex_;
  std::condition_variable freed_;
  int lent_ = 0;
  int64_t generation_ = 0;
  std::vector<std::unique_ptr<Connection>> idle_;
};

namespace {

// RunOnce runs `body` on `connection` and says how that went. `commits` says of
// a `body` without a transaction around it that its statement commits.
Failure RunOnce(bool transaction, bool commits, Connection& connection,
                absl::FunctionRef<absl::Status(Session&)> body) {
  bool committing = false;
  try {
    if (!transaction) {
      committing = commits;
      pqxx::nontransaction work(*connection.handle);
      Session session(work, connection.raw, connection.prepared);
      return {Failure::Kind::kFinal, body(session)};
    }
    pqxx::work work(*connection.handle);
    Session session(work, connection.raw, connection.prepared);
    absl::Status status = body(session);
    if (!status.ok()) {
      work.abort();
      return {
          session.rerun() ? Failure::Kind::kConflict : Failure::Kind::kFinal,
          std::move(status)};
    }
    committing = true;
    work.commit();
    return {Failure::Kind::kFinal, absl::OkStatus()};
  } catch (...) {
    Failure failure = CurrentFailure();
    if (committing && failure.kind == Failure::Kind::kBroken) {
      // The server may have said that it goes down after it committed.
      failure.kind = Failure::Kind::kInDoubt;
    }
    return failure;
  }
}

}  // namespace

Database::Database(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::Open(Options options) {
  if (options.connections < 1) {
    return absl::InvalidArgumentError(
        "a database needs at least one connection");
  }
  const bool connect_at_once = options.connect_at_once;
  auto pool = std::make_unique<Pool>(std::move(options));
  if (!connect_at_once) {
    return std::unique_ptr<Database>(new Database(std::move(pool)));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto lease, pool->Acquire());
  try {
    lease->EnsureConnected();
  } catch (const std::exception& error) {
    return MakeError(
        absl::StatusCode::kUnavailable, reasons::kDatabaseOffline,
        absl::StrCat("cannot connect to the database: ", error.what()));
  }
  lease.reset();
  return std::unique_ptr<Database>(new Database(std::move(pool)));
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(absl::string_view dsn,
                                                         int connections) {
  return Open({.dsn = std::string(dsn), .connections = connections});
}

absl::Status Database::Transact(absl::FunctionRef<absl::Status(Session&)> body,
                                InDoubt in_doubt) {
  return Run(Mode::kTransaction, in_doubt, body);
}

absl::Status Database::TransactInOne(
    absl::FunctionRef<absl::Status(Session&)> body, InDoubt in_doubt) {
  return Run(Mode::kOneStatement, in_doubt, body);
}

absl::Status Database::Read(absl::FunctionRef<absl::Status(Session&)> body) {
  return Run(Mode::kRead, InDoubt::kRerun, body);
}

absl::Status Database::Run(Mode mode, InDoubt in_doubt,
                           absl::FunctionRef<absl::Status(Session&)> body) {
  int conflicts = 0;
  int broken = 0;
  while (true) {
    Failure failure;
    {
      BIRTHMARK_ASSIGN_OR_RETURN(auto lease, pool_->Acquire());
      try {
        lease->EnsureConnected();
      } catch (...) {
        return CurrentFailure().status;
      }
      failure = RunOnce(mode == Mode::kTransaction, mode == Mode::kOneStatement,
                        lease->connection(), body);
      if (failure.kind == Failure::Kind::kBroken ||
          failure.kind == Failure::Kind::kInDoubt) {
        lease->Drop();
      }
    }
    switch (failure.kind) {
      case Failure::Kind::kFinal:
        return failure.status;
      case Failure::Kind::kConflict:
        if (++conflicts >= kMaxConflicts) {
          return failure.status;
        }
        // Without a connection in hand: others get on.
        SleepBeforeRun(conflicts);
        break;
      case Failure::Kind::kInDoubt:
        if (in_doubt == InDoubt::kReport) {
          return failure.status;
        }
        [[fallthrough]];
      case Failure::Kind::kBroken:
        if (++broken >= kMaxBroken) {
          return failure.status;
        }
        break;
    }
  }
}

}  // namespace birthmark::storage
