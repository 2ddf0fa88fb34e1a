#include "tests/support/deployment.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"

namespace birthmark::tests {
namespace {

std::string RunfilesPath(const std::string& path) {
  char* here = getcwd(nullptr, 0);
  std::string full = absl::StrCat(here, "/", path);
  free(here);
  return full;
}

std::string MakeFolder() {
  // Short, since the path of a Unix socket may have 107 characters.
  std::string name = "/tmp/bm.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    std::cerr << "cannot make a folder in /tmp" << std::endl;
    exit(1);
  }
  return name;
}

// Ends the program with what the command printed unless it succeeded.
ProcessResult MustRun(const std::vector<std::string>& arguments,
                      const Environment& environment = {}) {
  ProcessResult result = RunProgram(arguments, environment);
  if (result.exit_code != 0) {
    for (const std::string& argument : arguments) {
      std::cerr << argument << " ";
    }
    std::cerr << "ended with " << result.exit_code << "\n"
              << result.out << result.err << std::endl;
    exit(1);
  }
  return result;
}

}  // namespace

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> Files(const std::string& folder,
                               const std::string& suffix) {
  std::vector<std::string> names;
  if (DIR* entries = opendir(folder.c_str())) {
    while (const dirent* entry = readdir(entries)) {
      if (absl::EndsWith(entry->d_name, suffix)) {
        names.push_back(entry->d_name);
      }
    }
    closedir(entries);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Deployment::Client() {
  return RunfilesPath("services/cli/birthmark");
}
std::string Deployment::Server() {
  return RunfilesPath("services/birthmarkd/birthmarkd");
}

Deployment::Deployment(Layout layout)
    : dir_(MakeFolder()), postgres_(std::make_unique<PostgresCluster>()) {
  std::vector<std::string> init = {
      Client(),          "init",           home(),
      "--trust-domain",  kTrustDomain,     "--sockets",
      "--database-host", postgres_->host()};
  if (layout == Layout::kOneProcess) {
    init.push_back("--one-process");
  }
  MustRun(init);
  MustRun({Server(), "migrate", "--config",
           absl::StrCat(home(), "/config/migrate.textproto")});
  if (layout == Layout::kOneProcess) {
    Start("birthmarkd");
    return;
  }
  for (const char* role : {"ca", "registration", "inventory"}) {
    Start(role);
  }
}

Deployment::~Deployment() {
  processes_.clear();
  postgres_.reset();
  if (getenv("BIRTHMARK_KEEP") != nullptr) {
    std::cerr << "kept: " << dir_ << std::endl;
    return;
  }
  RunProgram({"rm", "-rf", dir_});
}

void Deployment::Start(const std::string& role) {
  const std::string config =
      absl::StrCat(home(), "/config/", role, ".textproto");
  const std::string prefix = absl::StrCat(dir_, "/", role);
  unlink((prefix + ".err").c_str());
  auto& process = processes_[role];
  process.reset();
  process = std::make_unique<Process>(
      std::vector<std::string>{Server(), "serve", "--config", config}, prefix);
  const absl::Time give_up = Clock::Real().Now() + absl::Seconds(60);
  while (!absl::StrContains(process->Err(), "\"serving\"")) {
    if (!process->Running() || Clock::Real().Now() > give_up) {
      std::cerr << role << " does not serve:\n" << process->Err() << std::endl;
      exit(1);
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
}

ProcessResult Deployment::Birthmark(const std::vector<std::string>& arguments,
                                    absl::Duration timeout) {
  std::vector<std::string> command = {Client()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunProgram(command, {{"BIRTHMARK_IDENTITY", home() + "/operator"}},
                    timeout);
}

nlohmann::json Deployment::BirthmarkJson(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  arguments.insert(arguments.begin(), Client());
  return nlohmann::json::parse(
      MustRun(arguments, {{"BIRTHMARK_IDENTITY", home() + "/operator"}}).out);
}

std::unique_ptr<Process> Deployment::BirthmarkInBackground(
    const std::vector<std::string>& arguments, const std::string& name) {
  std::vector<std::string> command = {Client()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return std::make_unique<Process>(
      command, absl::StrCat(dir_, "/", name),
      Environment{{"BIRTHMARK_IDENTITY", home() + "/operator"}});
}

std::string Deployment::CreateLine(const std::string& fleet,
                                   const std::string& line,
                                   const std::string& models, int quota) {
  Birthmark({"fleet", "create", fleet});
  const std::string out = absl::StrCat(dir_, "/line-", fleet, "-", line);
  MustRun({Client(), "line", "create", absl::StrCat(fleet, "/", line),
           "--models", models, "--quota", absl::StrCat(quota), "--out", out},
          {{"BIRTHMARK_IDENTITY", home() + "/operator"}});
  return out;
}

std::string Deployment::Sql(const std::string& statement) {
  const ProcessResult result =
      MustRun({"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h",
               postgres_->host(), "-U", "birthmark_owner", "-d", "birthmark",
               "-c", statement});
  return result.out.substr(0, result.out.find('\n'));
}

}  // namespace birthmark::tests
