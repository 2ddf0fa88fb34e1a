// Process runs a program: to its end, or in the background until it is told to
// stop. Only for tests.
#ifndef BIRTHMARK_TESTS_SUPPORT_PROCESS_H_
#define BIRTHMARK_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace birthmark::tests {

using Environment = std::map<std::string, std::string>;

// ProcessResult is what a program left behind.
struct ProcessResult {
  int exit_code = -1;  // 128 + signal if a signal ended it
  std::string out;
  std::string err;
};

// RunProgram runs a program to its end, standard input empty. A program that
// outlives `timeout` is killed; its exit code is then 128 + SIGKILL.
ProcessResult RunProgram(const std::vector<std::string>& arguments,
                         const Environment& environment = {},
                         absl::Duration timeout = absl::Minutes(5));

// Process is a program in the background. The destructor kills it. Not
// thread-safe.
class Process {
 public:
  // Starts the program; its output goes to the files PREFIX.out and PREFIX.err,
  // which are appended to.
  Process(const std::vector<std::string>& arguments, std::string prefix,
          const Environment& environment = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  // pid is the process id; it names nothing any more once the program ended.
  pid_t pid() const { return pid_; }
  void Signal(int number);
  // Running says whether the program has not ended yet.
  bool Running();
  // Wait waits for the end and returns the exit code, or -1 after `timeout`.
  int Wait(absl::Duration timeout = absl::Minutes(5));
  // Kill ends the program at once (SIGKILL) and waits for that.
  void Kill();
  // Stop asks the program to end (SIGTERM) and returns its exit code.
  int Stop(absl::Duration timeout = absl::Seconds(60));

  std::string Out() const;
  std::string Err() const;

 private:
  std::string prefix_;
  pid_t pid_ = -1;
  int exit_code_ = -1;
  bool ended_ = false;
};

// ReadAll returns the content of a file; empty if there is none.
std::string ReadAll(const std::string& path);

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_PROCESS_H_
