// StatusRun measures revocation and what verifiers are told of it, on
// deployments of its own: real processes on the loopback network, PostgreSQL as
// in production. docs/performance.md says what the figures mean.
#ifndef BIRTHMARK_TESTS_BENCH_STATUS_RUN_H_
#define BIRTHMARK_TESTS_BENCH_STATUS_RUN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/ocsp_load.h"
#include "tests/bench/past_certificates.h"
#include "tests/bench/revoke_load.h"
#include "tests/bench/static_server.h"
#include "tests/bench/wrk.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

struct StatusOptions {
  // Certificates that exist, and how many of them are revoked.
  int64_t certificates = 1000000;
  int64_t revoked = 100000;
  // Entries of the shard whose CRL is made.
  int64_t shard_size = 20000;
  // What revocation is compared with.
  int64_t few_certificates = 100000;
  int64_t few_revoked = 1000;
  // Certificates whose OCSP responses are in the cache.
  int64_t cached = 1000;
  // Certificates that are asked for while memory is watched: more than the
  // cache holds.
  int64_t asked = 300000;
  int connections = 64;
  int wrk_threads = 2;
  absl::Duration duration = absl::Seconds(4);
  // Revocations of a measurement.
  int64_t revocations = 400;
  int clients = 8;
};

// HttpCost is what a server's answers cost.
struct HttpCost {
  double per_second = 0;
  double cpu_us = 0;  // of the server, for one answer
  double bytes = 0;   // of one answer, head included
  double p50_ms = 0;  // 0 if requests were pipelined, as is p99_ms
  double p99_ms = 0;
};

// CrlTimes is how long it takes to get a CRL that has to be made.
struct CrlTimes {
  absl::Duration whole;        // from all rows
  absl::Duration incremental;  // from the one before and one more revocation
  // CPU time of ca, registration and PostgreSQL, the same way.
  absl::Duration whole_cpu;
  absl::Duration incremental_cpu;
  int64_t entries = 0;
  int64_t bytes = 0;
};

// RevokeCost is what revocations took.
struct RevokeCost {
  std::vector<absl::Duration> times;
  double per_second = 0;
  double registration_cpu_ms = 0;  // for one
  double postgres_cpu_ms = 0;
};

struct StatusMemory {
  int64_t at_start = 0;
  int64_t at_end = 0;
  int64_t peak = 0;
  uint64_t ocsp_answers = 0;
  uint64_t crl_answers = 0;
  int64_t shards = 0;
};

// Not thread-safe. Whatever goes wrong ends the program.
class StatusRun {
 public:
  explicit StatusRun(const StatusOptions& options);
  ~StatusRun();

  // Load adds the past and waits until all CRLs are there. Returns how long
  // that took in all.
  absl::Duration Load();
  int64_t CountRevoked();

  // WarmUp has the responses made that MeasureCached asks for.
  void WarmUp();

  HttpCost MeasureCached();
  // nginx with files of the same number and size; `kept_open`: with
  // open_file_cache.
  HttpCost MeasureNginx(bool kept_open);
  // Each answer is signed. `pipelined` requests are sent before their answers
  // come.
  HttpCost MeasureSigned(int pipelined);

  StatusMemory MeasureMemory();

  // MeasureCrl makes the CRL of a shard that is full twice. The role `status`
  // is stopped meanwhile, so that nobody else has it made.
  CrlTimes MeasureCrl();

  // StartFew starts the deployment that Revoke(false, ...) uses.
  void StartFew();
  // Revoke revokes certificates from all over, where many or few have been
  // revoked.
  RevokeCost Revoke(bool many, int clients);

 private:
  struct Site;

  // Of the servers that revoke and make CRLs.
  absl::Duration ServerCpu();
  WrkOptions Wrk(const std::string& address, int pipelined) const;
  HttpCost MeasureStatus(const WrkRequests& requests, int pipelined,
                         double least_bytes);

  const StatusOptions options_;
  std::unique_ptr<Site> many_;
  std::unique_ptr<Site> few_;
  std::unique_ptr<OcspLoad> ocsp_;
  std::unique_ptr<StaticServer> nginx_;
  std::vector<std::string> cached_;  // serials
  WrkRequests cached_requests_;
  WrkRequests fresh_requests_;
  WrkRequests nginx_requests_;
  double answer_bytes_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_STATUS_RUN_H_
