#include "tests/support/deployment.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
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

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
  close(fd);
  return free;
}

// Returns N such that N to N+3, the roles', and N+1000 to N+1003, their
// metrics', are free. Below the range from which the kernel takes the ports of
// outgoing connections, and apart from what other tests choose.
int FreePorts() {
  for (int attempt = 0; attempt < 2000; ++attempt) {
    const int base = 10000 + (getpid() * 7 + attempt * 4) % 20000;
    bool free = true;
    for (int port = base; free && port < base + 4; ++port) {
      free = IsFree(port) && IsFree(port + 1000);
    }
    if (free) {
      return base;
    }
  }
  std::cerr << "no free ports" << std::endl;
  exit(1);
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

void AddToSection(const std::string& path, const std::string& section,
                  const std::string& fields) {
  const std::string start = absl::StrCat("\n", section, " {\n");
  WriteFile(path, absl::StrReplaceAll(
                      ReadAll(path),
                      {{start, absl::StrCat(start, "  ", fields, "\n")}}));
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

Deployment::Deployment(const Options& options)
    : options_(options),
      base_port_(options.tcp ? FreePorts() : 0),
      dir_(MakeFolder()),
      postgres_(std::make_unique<PostgresCluster>(PostgresCluster::Options{
          .durable = options.durable, .folder = options.database_folder})) {
  std::vector<std::string> init = {Client(),         "init",
                                   home(),           "--trust-domain",
                                   kTrustDomain,     "--database-host",
                                   postgres_->host()};
  if (options.tcp) {
    init.insert(init.end(), {"--base-port", absl::StrCat(base_port_)});
  } else {
    init.push_back("--sockets");
  }
  init.insert(init.end(), {"--http-port", "0"});
  if (!options.public_url.empty()) {
    init.insert(init.end(), {"--public-url", options.public_url});
  }
  if (options.layout == Layout::kOneProcess) {
    init.push_back("--one-process");
  }
  MustRun(init);
  for (const auto& [role, fields] : options.config) {
    AddToSection(absl::StrCat(home(), "/config/", role, ".textproto"), role,
                 fields);
    AddToSection(absl::StrCat(home(), "/config/birthmarkd.textproto"), role,
                 fields);
  }
  MustRun({Server(), "migrate", "--config",
           absl::StrCat(home(), "/config/migrate.textproto")});
  if (options.layout == Layout::kOneProcess) {
    Start("birthmarkd");
    return;
  }
  for (const char* role : {"ca", "registration", "inventory"}) {
    Start(role);
  }
  if (options.status) {
    Start("status");
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
      std::vector<std::string>{Server(), "serve", "--config", config}, prefix,
      options_.environment);
  const absl::Time give_up = Clock::Real().Now() + absl::Seconds(60);
  while (!absl::StrContains(process->Err(), "\"serving\"")) {
    if (!process->Running() || Clock::Real().Now() > give_up) {
      std::cerr << role << " does not serve:\n" << process->Err() << std::endl;
      exit(1);
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
}

std::string Deployment::Address(const std::string& role) const {
  const bool all = options_.layout == Layout::kOneProcess;
  if (base_port_ == 0) {
    return absl::StrCat("unix:", home(), "/run/", all ? "birthmarkd" : role,
                        ".sock");
  }
  const std::map<std::string, int> offsets = {
      {"registration", 0}, {"inventory", 1}, {"ca", 2}, {"status", 3}};
  return absl::StrCat("127.0.0.1:", base_port_ + (all ? 0 : offsets.at(role)));
}

std::string Deployment::HttpAddress(const std::string& role) const {
  const bool all = options_.layout == Layout::kOneProcess;
  const std::string log = processes_.at(all ? "birthmarkd" : role)->Err();
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (absl::StrContains(line, "\"serving\"")) {
      return nlohmann::json::parse(line.begin(), line.end())
          .at("http")
          .get<std::string>();
    }
  }
  std::cerr << "no address in the log:\n" << log << std::endl;
  exit(1);
}

std::string Deployment::ServerName(const std::string& role) {
  return absl::StrCat(role, ".", kTrustDomain);
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
