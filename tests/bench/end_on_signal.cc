#include "tests/bench/end_on_signal.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
int signal_pipe[2];

struct Folders {
  std::mutex mutex;
  std::vector<std::string> names;
};

Folders& AllFolders() {
  static auto& folders = *new Folders;
  return folders;
}

void OnSignal(int number) {
  const char byte = static_cast<char>(number);
  (void)!write(signal_pipe[1], &byte, 1);
}

// Whoever was started by any thread and has not ended.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* task = tasks == nullptr ? nullptr : readdir(tasks)) {
    const std::string text = tests::ReadAll(
        absl::StrCat("/proc/self/task/", task->d_name, "/children"));
    for (const auto word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
      int pid = 0;
      if (absl::SimpleAtoi(word, &pid)) {
        children.push_back(pid);
      }
    }
  }
  if (tasks != nullptr) {
    closedir(tasks);
  }
  return children;
}

bool IsOver(pid_t pid) {
  const std::string stat = tests::ReadAll(absl::StrCat("/proc/", pid, "/stat"));
  const size_t name_end = stat.rfind(") ");
  return name_end == std::string::npos || stat[name_end + 2] == 'Z';
}

void EndAll() {
  const std::vector<pid_t> children = Children();
  for (const pid_t child : children) {
    kill(child, SIGTERM);
  }
  for (int i = 0; i < 200; ++i) {
    bool over = true;
    for (const pid_t child : children) {
      over = over && IsOver(child);
    }
    if (over) {
      break;
    }
    absl::SleepFor(absl::Milliseconds(25));
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
  }
  Folders& folders = AllFolders();
  const std::lock_guard<std::mutex> lock(folders.mutex);
  for (const std::string& folder : folders.names) {
    tests::RunProgram({"rm", "-rf", folder});
  }
}

// Several threads may give up at once: nobody leaves before all is ended.
std::atomic<bool> all_ended{false};

void EndAllOnce() {
  EndAll();
  all_ended = true;
}

void AwaitEnd() {
  for (int i = 0; i < 1000 && !all_ended; ++i) {
    absl::SleepFor(absl::Milliseconds(25));
  }
}

}  // namespace

void EndOnSignal() {
  // Whoever gives up calls exit, which destroys nothing. The last one that is
  // registered runs first.
  std::atexit(AwaitEnd);
  std::atexit(EndAllOnce);
  if (pipe(signal_pipe) != 0) {
    std::cerr << "cannot make a pipe" << std::endl;
    exit(1);
  }
  std::thread([] {
    char number = 0;
    if (read(signal_pipe[0], &number, 1) == 1) {
      std::cerr << "stopping" << std::endl;
      EndAll();
      _exit(128 + number);
    }
  }).detach();
  // Programs that are started do not inherit a handler.
  for (const int number : kSignals) {
    struct sigaction action = {};
    action.sa_handler = OnSignal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
}

void RemoveOnSignal(const std::string& folder) {
  Folders& folders = AllFolders();
  const std::lock_guard<std::mutex> lock(folders.mutex);
  folders.names.push_back(folder);
}

}  // namespace birthmark::bench
