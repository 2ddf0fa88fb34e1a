#include "tests/bench/cpu_account.h"

#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

// Indexes into what follows the name of the program in /proc/PID/stat.
constexpr size_t kUtime = 11;
constexpr size_t kStime = 12;
constexpr size_t kChildrenUtime = 13;
constexpr size_t kChildrenStime = 14;

[[noreturn]] void Die(absl::string_view what) {
  std::cerr << "cannot account for CPU time: " << what << std::endl;
  exit(1);
}

absl::Duration Ticks(absl::string_view count) {
  int64_t ticks = 0;
  if (!absl::SimpleAtoi(count, &ticks)) {
    Die(absl::StrCat("'", count, "' is no number"));
  }
  return absl::Seconds(ticks) / sysconf(_SC_CLK_TCK);
}

// The fields of /proc/PID/stat after the name, which may hold anything. Empty
// if there is no such process.
std::vector<std::string> Stat(pid_t pid) {
  const std::string text = tests::ReadAll(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) {
    return {};
  }
  return absl::StrSplit(text.substr(end_of_name + 1), ' ', absl::SkipEmpty());
}

std::vector<std::string> MustStat(pid_t pid) {
  std::vector<std::string> fields = Stat(pid);
  if (fields.size() <= kChildrenStime) {
    Die(absl::StrCat("there is no process ", pid));
  }
  return fields;
}

absl::Duration Own(const std::vector<std::string>& stat) {
  return Ticks(stat[kUtime]) + Ticks(stat[kStime]);
}

absl::Duration Reaped(const std::vector<std::string>& stat) {
  return Ticks(stat[kChildrenUtime]) + Ticks(stat[kChildrenStime]);
}

std::vector<pid_t> Children(pid_t pid) {
  std::vector<pid_t> children;
  const std::string text =
      tests::ReadAll(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  for (const auto word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    int child = 0;
    if (absl::SimpleAtoi(word, &child)) {
      children.push_back(child);
    }
  }
  return children;
}

}  // namespace

absl::Duration ProcessCpu(pid_t pid) { return Own(MustStat(pid)); }

absl::Duration TreeCpu(pid_t pid) {
  // A child that ends meanwhile moves from one account to the other: read again
  // until none did.
  while (true) {
    const std::vector<std::string> before = MustStat(pid);
    const std::vector<pid_t> children = Children(pid);
    absl::Duration total = Own(before) + Reaped(before);
    bool complete = true;
    for (const pid_t child : children) {
      const std::vector<std::string> stat = Stat(child);
      complete = complete && stat.size() > kChildrenStime;
      if (complete) {
        total += Own(stat) + Reaped(stat);
      }
    }
    if (complete && Children(pid) == children &&
        Reaped(MustStat(pid)) == Reaped(before)) {
      return total;
    }
  }
}

absl::Duration MachineCpu() {
  // cpu user nice system idle iowait irq softirq steal ...; a guest's time is
  // in user already.
  const std::string text = tests::ReadAll("/proc/stat");
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(0, text.find('\n')), ' ', absl::SkipEmpty());
  if (fields.size() < 8) {
    Die("/proc/stat is not as expected");
  }
  return Ticks(fields[1]) + Ticks(fields[2]) + Ticks(fields[3]) +
         Ticks(fields[6]) + Ticks(fields[7]);
}

absl::Duration ThreadCpu() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

int64_t ResidentBytes(pid_t pid) {
  const std::vector<std::string> fields = absl::StrSplit(
      tests::ReadAll(absl::StrCat("/proc/", pid, "/statm")), ' ');
  int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) {
    Die(absl::StrCat("there is no process ", pid));
  }
  return pages * sysconf(_SC_PAGESIZE);
}

int64_t PeakResidentBytes(pid_t pid) {
  const std::string text =
      tests::ReadAll(absl::StrCat("/proc/", pid, "/status"));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    int64_t kilobytes = 0;
    if (absl::ConsumePrefix(&line, "VmHWM:") &&
        absl::ConsumeSuffix(&line, " kB") &&
        absl::SimpleAtoi(line, &kilobytes)) {
      return kilobytes << 10;
    }
  }
  Die(absl::StrCat("there is no process ", pid));
}

}  // namespace birthmark::bench
