// EndOnSignal ends all that a program has started when it is asked to end
// itself, also if the signal came to it alone, or when it gives up.
#ifndef BIRTHMARK_TESTS_BENCH_END_ON_SIGNAL_H_
#define BIRTHMARK_TESTS_BENCH_END_ON_SIGNAL_H_

#include <string>

namespace birthmark::bench {

// EndOnSignal makes exit() stop the children of this process and remove the
// folders of RemoveOnSignal, and SIGINT, SIGTERM and SIGHUP do the same and end
// the program. To be called once, before anything is started.
void EndOnSignal();

// RemoveOnSignal names a folder to be removed. Thread-safe.
void RemoveOnSignal(const std::string& folder);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_END_ON_SIGNAL_H_
