#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/time/clock.h"
#include "lib/base/clock.h"

namespace birthmark::tests {
namespace {

// Starts `arguments` with standard input empty and the output in two files.
pid_t Spawn(const std::vector<std::string>& arguments,
            const std::string& out_path, const std::string& err_path,
            const Environment& environment) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) {
    return pid;
  }
  const int in = open("/dev/null", O_RDONLY);
  const int out = open(out_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int err = open(err_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  for (const auto& [name, value] : environment) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  execvp(argv[0], argv.data());
  _exit(127);
}

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string TemporaryPrefix() {
  std::string name = "/tmp/bm-run.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    return "/tmp/bm-run";
  }
  return name + "/run";
}

}  // namespace

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

ProcessResult RunProgram(const std::vector<std::string>& arguments,
                         const Environment& environment,
                         absl::Duration timeout) {
  const std::string prefix = TemporaryPrefix();
  ProcessResult result;
  {
    Process process(arguments, prefix, environment);
    result.exit_code = process.Wait(timeout);
    if (result.exit_code < 0) {
      process.Kill();
      result.exit_code = 128 + SIGKILL;
    }
    result.out = process.Out();
    result.err = process.Err();
  }
  unlink((prefix + ".out").c_str());
  unlink((prefix + ".err").c_str());
  rmdir(prefix.substr(0, prefix.rfind('/')).c_str());
  return result;
}

Process::Process(const std::vector<std::string>& arguments, std::string prefix,
                 const Environment& environment)
    : prefix_(std::move(prefix)),
      pid_(Spawn(arguments, prefix_ + ".out", prefix_ + ".err", environment)) {}

Process::~Process() { Kill(); }

void Process::Signal(int number) {
  if (Running()) {
    kill(pid_, number);
  }
}

bool Process::Running() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    ended_ = true;
    exit_code_ = ExitCode(status);
  }
  return !ended_;
}

int Process::Wait(absl::Duration timeout) {
  const absl::Time give_up = Clock::Real().Now() + timeout;
  while (Running()) {
    if (Clock::Real().Now() > give_up) {
      return -1;
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  return exit_code_;
}

void Process::Kill() {
  Signal(SIGKILL);
  Wait();
}

int Process::Stop(absl::Duration timeout) {
  Signal(SIGTERM);
  const int code = Wait(timeout);
  if (code < 0) {
    Kill();
  }
  return code;
}

std::string Process::Out() const { return ReadAll(prefix_ + ".out"); }
std::string Process::Err() const { return ReadAll(prefix_ + ".err"); }

}  // namespace birthmark::tests
