#include "tests/support/postgres_cluster.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/base/clock.h"
#include "lib/storage/database.h"
#include "lib/storage/migrator.h"
#include "tests/support/process.h"

namespace birthmark::tests {
namespace {

constexpr char kScript[] = "tools/private_postgres";

[[noreturn]] void Die(absl::string_view what) {
  std::cerr << "PostgresCluster: " << what << std::endl;
  exit(1);
}

}  // namespace

PostgresCluster::PostgresCluster(const Options& options)
    : kept_(!options.folder.empty()),
      dir_(kept_ ? options.folder : "/tmp/bmpg.XXXXXX") {
  if (kept_) {
    std::error_code error;
    std::filesystem::create_directories(dir_, error);
  }
  // The user postgres must be able to pass; what matters below is its own.
  if ((!kept_ && mkdtemp(dir_.data()) == nullptr) ||
      chmod(dir_.c_str(), 0711) != 0) {
    Die("cannot make a folder");
  }
  std::vector<std::string> start = {kScript, "start", dir_ + "/pg", "--while",
                                    absl::StrCat(getpid())};
  if (kept_) {
    start.push_back("--keep");
  }
  if (!options.durable) {
    start.push_back("--fast");
  }
  const ProcessResult result = RunProgram(start);
  if (result.exit_code != 0) {
    Die(result.err);
  }
}

PostgresCluster::~PostgresCluster() {
  if (kept_) {
    RunProgram({kScript, "stop", dir_ + "/pg"});
    return;
  }
  RunProgram({kScript, "stop", dir_ + "/pg", "--remove"});
  RunProgram({"rm", "-rf", dir_});
}

PostgresCluster& PostgresCluster::Shared() {
  static PostgresCluster cluster;
  return cluster;
}

void PostgresCluster::Script(const std::string& command) {
  const ProcessResult result = RunProgram({kScript, command, dir_ + "/pg"});
  if (result.exit_code != 0) {
    Die(result.err);
  }
}

std::string PostgresCluster::CreateEmptyDatabase() {
  const std::string name = absl::StrCat("test_", ++databases_);
  Sql("postgres", absl::StrCat("CREATE DATABASE ", name, " OWNER ", kOwner));
  return name;
}

std::string PostgresCluster::CreateDatabase() {
  if (migrated_.empty()) {
    migrated_ = CreateEmptyDatabase();
    auto database = storage::Database::Open(Dsn(migrated_, kOwner), 1);
    if (!database.ok()) {
      Die(database.status().ToString());
    }
    const auto applied = storage::Migrate(**database, Clock::Real());
    if (!applied.ok()) {
      Die(applied.status().ToString());
    }
  }
  const std::string name = absl::StrCat("test_", ++databases_);
  Sql("postgres", absl::StrCat("CREATE DATABASE ", name, " OWNER ", kOwner,
                               " TEMPLATE ", migrated_));
  return name;
}

void PostgresCluster::Empty(absl::string_view database) {
  // As a replica's session no trigger fires: neither those that keep the audit
  // log nor those of foreign keys.
  Sql(database, R"(
      DO $$
      DECLARE
        family regclass;
      BEGIN
        SET LOCAL session_replication_role = replica;
        FOR family IN
          SELECT oid FROM pg_class
          WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p') AND NOT relispartition
            AND relname <> 'schema_migrations' LOOP
          EXECUTE format('DELETE FROM %s', family);
        END LOOP;
      END
      $$)");
}

std::string PostgresCluster::Dsn(absl::string_view database,
                                 absl::string_view role) const {
  return absl::StrCat("host=", host(), " dbname=", database, " user=", role);
}

std::string PostgresCluster::Sql(absl::string_view database,
                                 const std::string& statement,
                                 absl::Duration timeout) {
  const ProcessResult result = RunProgram(
      {kScript, "sql", dir_ + "/pg", statement, std::string(database)}, {},
      timeout);
  if (result.exit_code != 0) {
    Die(absl::StrCat(statement, ": ", result.err));
  }
  return result.out;
}

std::string PostgresCluster::Deadlocks() const {
  const std::string log = ReadAll(dir_ + "/pg/postgres/log/server.log");
  std::string reports;
  std::string session;  // whose report it is: "[1234]"
  bool tells = false;   // the last line was one of a report
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (absl::StrContains(line, "ERROR:  deadlock detected")) {
      const size_t begin = line.find('[');
      session = std::string(line.substr(begin, line.find(']') - begin + 1));
      tells = true;
    } else if (!absl::StartsWith(line, "\t")) {
      // Other sessions' lines may come between.
      const bool own = !session.empty() && absl::StrContains(line, session);
      tells = own && (absl::StrContains(line, "DETAIL:  ") ||
                      absl::StrContains(line, "CONTEXT:  ") ||
                      absl::StrContains(line, "STATEMENT:  "));
    }
    if (tells) {
      absl::StrAppend(&reports, line, "\n");
    }
  }
  return reports;
}

pid_t PostgresCluster::postmaster() const {
  const std::string text = ReadAll(dir_ + "/pg/postgres/data/postmaster.pid");
  int pid = 0;
  (void)absl::SimpleAtoi(text.substr(0, text.find('\n')), &pid);
  return pid;
}

std::vector<pid_t> PostgresCluster::children() const {
  std::vector<pid_t> children;
  const pid_t parent = postmaster();
  if (parent <= 1) {
    return children;
  }
  const std::string text =
      RunProgram({"pgrep", "--parent", absl::StrCat(parent)}).out;
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    int pid = 0;
    if (absl::SimpleAtoi(line, &pid)) {
      children.push_back(pid);
    }
  }
  return children;
}

void PostgresCluster::Restart() { Script("restart"); }
void PostgresCluster::Stop() { Script("stop"); }
void PostgresCluster::Start() { Script("start"); }

bool PostgresCluster::TryStart() {
  return RunProgram({kScript, "start", dir_ + "/pg"}).exit_code == 0;
}

void PostgresCluster::KillHard() {
  if (!TryKillHard()) {
    Die("there is no server to kill");
  }
}

bool PostgresCluster::TryKillHard() {
  const pid_t server = postmaster();
  // A server that was killed leaves its id behind, which may be another's now.
  std::error_code error;
  if (server <= 1 ||
      std::filesystem::read_symlink(absl::StrCat("/proc/", server, "/cwd"),
                                    error) != dir_ + "/pg/postgres/data") {
    return false;
  }
  // Stopped first, so that it makes no more children meanwhile.
  kill(server, SIGSTOP);
  const std::vector<pid_t> sessions = children();
  kill(server, SIGKILL);
  for (const pid_t child : sessions) {
    kill(child, SIGKILL);
  }
  return true;
}

}  // namespace birthmark::tests
