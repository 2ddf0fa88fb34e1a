// Deployment is a whole Birthmark on this machine for one test: a private
// PostgreSQL, a folder made by `birthmark init`, and a process per role that
// talk over mutual TLS, on Unix sockets unless told else. Everything goes when
// it is destroyed.
#ifndef BIRTHMARK_TESTS_SUPPORT_DEPLOYMENT_H_
#define BIRTHMARK_TESTS_SUPPORT_DEPLOYMENT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/postgres_cluster.h"
#include "tests/support/process.h"

namespace birthmark::tests {

// How the roles are spread over processes.
enum class Layout { kProcessPerRole, kOneProcess };

// Deployment is not thread-safe; the commands that it runs may overlap.
class Deployment {
 public:
  static constexpr char kTrustDomain[] = "birthmark.test";

  struct Options {
    Layout layout = Layout::kProcessPerRole;
    // PostgreSQL as in production: see PostgresCluster::Options.
    bool durable = false;
    // Where PostgreSQL is kept: see PostgresCluster::Options.
    std::string database_folder;
    // The roles listen on free ports of 127.0.0.1 instead of Unix sockets.
    bool tcp = false;
    // The role `status` is started too. In one process it always is.
    bool status = false;
    // Where certificates say that their status is found; `http://HOST` without
    // a path. Empty: they do not say.
    std::string public_url;
    // Fields that are added to a role's section, by role:
    // {{"ca", "crl_shard_size: 3"}}.
    std::map<std::string, std::string> config;
    // For the roles' processes.
    Environment environment;
  };

  // Starts everything and waits until it serves. Ends the program with the logs
  // if it does not: no test makes sense then.
  Deployment() : Deployment(Options{}) {}
  explicit Deployment(Layout layout) : Deployment(Options{.layout = layout}) {}
  explicit Deployment(const Options& options);
  ~Deployment();

  // Birthmark runs the command line client with the operator's identity.
  ProcessResult Birthmark(const std::vector<std::string>& arguments,
                          absl::Duration timeout = absl::Minutes(5));
  // BirthmarkJson runs a command that must succeed with --json and returns what
  // it printed.
  nlohmann::json BirthmarkJson(std::vector<std::string> arguments);
  // BirthmarkInBackground starts a command; its output goes to dir()/name.*.
  std::unique_ptr<Process> BirthmarkInBackground(
      const std::vector<std::string>& arguments, const std::string& name);

  // CreateLine makes the fleet if it is not there, and the line, and returns
  // the line's identity folder.
  std::string CreateLine(const std::string& fleet, const std::string& line,
                         const std::string& models = "gateway-7",
                         int quota = 0);

  // Start starts the process of a role ("ca", "registration", "inventory",
  // "status", or "birthmarkd" for all) and waits until it serves.
  void Start(const std::string& role);
  // process returns the process of a role, to be stopped or killed.
  Process& process(const std::string& role) { return *processes_.at(role); }

  // Address is where the process of a role listens, for rpc::GrpcChannel, and
  // ServerName what its certificate says.
  std::string Address(const std::string& role) const;
  static std::string ServerName(const std::string& role);
  // HttpAddress is where the process with the role `status` answers over HTTP:
  // "127.0.0.1:PORT", another one after each start.
  std::string HttpAddress() const { return HttpAddress("status"); }
  // Also for a process of another name that the test has configured: a second
  // replica.
  std::string HttpAddress(const std::string& role) const;

  PostgresCluster& postgres() { return *postgres_; }
  // Sql returns the first column of the first row, as text; empty if there is
  // none. Runs as the owner of the database.
  std::string Sql(const std::string& statement);

  // dir is a folder of this deployment for the test's own files.
  const std::string& dir() const { return dir_; }
  // home is the folder that `birthmark init` made.
  std::string home() const { return dir_ + "/home"; }
  // Path to the command line client.
  static std::string Client();
  static std::string Server();

 private:
  const Options options_;
  const int base_port_;  // 0: Unix sockets
  std::string dir_;
  std::unique_ptr<PostgresCluster> postgres_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
};

// WriteFile writes a file for a test.
void WriteFile(const std::string& path, const std::string& content);
// Files returns the names in a folder that end in `suffix`, sorted.
std::vector<std::string> Files(const std::string& folder,
                               const std::string& suffix);

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_DEPLOYMENT_H_
