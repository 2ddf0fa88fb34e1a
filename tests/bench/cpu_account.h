// cpu_account reads what the operating system counts for processes: CPU time,
// memory. From /proc (proc(5)); the resolution of CPU time is a clock tick, 10
// ms, which over some seconds of a busy process is below a percent. Ends the
// program if /proc cannot be read: no measurement makes sense then.
#ifndef BIRTHMARK_TESTS_BENCH_CPU_ACCOUNT_H_
#define BIRTHMARK_TESTS_BENCH_CPU_ACCOUNT_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/time/time.h"

namespace birthmark::bench {

// ProcessCpu is the user and system time of all threads of a process, also of
// those that have ended.
absl::Duration ProcessCpu(pid_t pid);

// TreeCpu is ProcessCpu of a process and of all its children, also of those
// that have ended and that it has waited for: of a PostgreSQL with all its
// sessions and background processes, given the postmaster.
absl::Duration TreeCpu(pid_t pid);

// MachineCpu is the time that all processors together have not been idle, for
// whatever reason: what no process is charged with shows in it too.
absl::Duration MachineCpu();

// ThreadCpu is the time of the calling thread, in nanoseconds' resolution.
absl::Duration ThreadCpu();

// ResidentBytes is the memory of a process that is in use, RSS.
int64_t ResidentBytes(pid_t pid);

// PeakResidentBytes is the most that ResidentBytes ever was.
int64_t PeakResidentBytes(pid_t pid);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_CPU_ACCOUNT_H_
