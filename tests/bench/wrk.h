// wrk asks an HTTP server as fast as it answers, with the program of that name.
#ifndef BIRTHMARK_TESTS_BENCH_WRK_H_
#define BIRTHMARK_TESTS_BENCH_WRK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::bench {

// WrkRequests are the requests that are sent in turn, in files that wrk reads
// before it starts.
class WrkRequests {
 public:
  // Targets are those of GET, each a line of the file that this writes.
  static WrkRequests Get(const std::string& file,
                         const std::vector<std::string>& targets);

  // Bodies are those of POST to `target`, all of one size. If `nonce_size` is
  // not 0, so many octets from `nonce_at` are fresh in every request.
  static WrkRequests Post(const std::string& file, const std::string& target,
                          const std::string& content_type,
                          const std::vector<std::string>& bodies,
                          size_t nonce_at = 0, size_t nonce_size = 0);

  // arguments are what the script of RunWrk takes.
  const std::vector<std::string>& arguments() const { return arguments_; }

 private:
  std::vector<std::string> arguments_;
};

struct WrkOptions {
  std::string address;  // host:port
  int threads = 2;
  int connections = 64;
  // Requests that a connection sends before it waits for their answers.
  int pipelined = 1;
  absl::Duration duration = absl::Seconds(5);
  // For its script and output.
  std::string folder;
};

// WrkResult is what came back.
struct WrkResult {
  uint64_t answers = 0;
  uint64_t bytes = 0;  // heads included
  absl::Duration time;
  // Until an answer came; nothing if requests were pipelined.
  absl::Duration p50;
  absl::Duration p99;
  double per_second() const {
    return static_cast<double>(answers) / absl::ToDoubleSeconds(time);
  }
  double bytes_each() const {
    return static_cast<double>(bytes) / static_cast<double>(answers);
  }
};

// RunWrk ends the program if wrk fails, if a connection breaks, or if an answer
// is an error or does not come.
WrkResult RunWrk(const WrkOptions& options, const WrkRequests& requests);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_WRK_H_
