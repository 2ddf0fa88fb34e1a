// PostgresCluster is a private PostgreSQL for one test process, made by
// tools/private_postgres and gone with the process, however that ends. Tests
// that use it need tags = ["local"], since root has to drop to the user
// postgres. Not thread-safe.
#ifndef BIRTHMARK_TESTS_SUPPORT_POSTGRES_CLUSTER_H_
#define BIRTHMARK_TESTS_SUPPORT_POSTGRES_CLUSTER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::tests {

class PostgresCluster {
 public:
  // Roles that a connection may have.
  static constexpr char kOwner[] = "birthmark_owner";
  static constexpr char kCa[] = "birthmark_ca";
  static constexpr char kRegistration[] = "birthmark_registration";
  static constexpr char kInventory[] = "birthmark_inventory";
  static constexpr char kStatus[] = "birthmark_status";
  static constexpr char kSuperuser[] = "postgres";

  struct Options {
    // What is committed survives the machine: fsync, synchronous_commit and
    // full_page_writes are on, as in production. Off, it is quicker, and
    // survives KillHard all the same.
    bool durable = false;
    // Where the cluster is kept: a short path that the user postgres can pass.
    // It is made if it is not there, and stopped and not removed in the end.
    // Empty: in a folder of its own, which goes.
    std::string folder;
  };

  // Makes and starts the cluster. Ends the program if that fails: no test makes
  // sense then.
  PostgresCluster() : PostgresCluster(Options{}) {}
  explicit PostgresCluster(const Options& options);
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // Shared is the one cluster for all tests of a program.
  static PostgresCluster& Shared();

  // host is the directory of the socket: what libpq calls the host. The
  // database "birthmark" is empty and belongs to kOwner.
  std::string host() const { return dir_ + "/pg/postgres/socket"; }

  // CreateDatabase makes a database with all migrations, returns its name.
  std::string CreateDatabase();
  // CreateEmptyDatabase makes one without, which belongs to kOwner.
  std::string CreateEmptyDatabase();

  // Empty removes all rows but those of schema_migrations: a fresh database for
  // the next test, in a fraction of the time.
  void Empty(absl::string_view database);

  // Dsn is the connection string for a database under a role.
  std::string Dsn(absl::string_view database, absl::string_view role) const;

  // Sql executes a statement as the superuser and returns the rows, a line
  // each, fields separated by "|". Ends the program if it fails.
  std::string Sql(absl::string_view database, const std::string& statement,
                  absl::Duration timeout = absl::Minutes(5));

  // Deadlocks is what the server's log says of those that it found: who waited
  // for whom, with which statements. Empty if there was none.
  std::string Deadlocks() const;

  // postmaster is the process id of the server, 0 if it does not run. Sessions
  // and background workers are its children.
  pid_t postmaster() const;
  std::vector<pid_t> children() const;

  // Restart stops and starts the server: clients lose their connections.
  void Restart();
  // Stop stops it, Start starts it again.
  void Stop();
  void Start();
  // KillHard kills the server and all its children at once, as a power failure
  // would. Start brings it back.
  void KillHard();
  // TryKillHard and TryStart are for those who do both at once: false if there
  // is no server to kill, or if it did not come up.
  bool TryKillHard();
  bool TryStart();

 private:
  void Script(const std::string& command);

  const bool kept_;
  std::string dir_;
  std::string migrated_;  // the database that the others are copies of
  int databases_ = 0;
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_POSTGRES_CLUSTER_H_
