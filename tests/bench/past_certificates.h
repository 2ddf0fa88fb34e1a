// past_certificates gives a database certificates that were issued, and
// revocations that happened, before anything is measured.
#ifndef BIRTHMARK_TESTS_BENCH_PAST_CERTIFICATES_H_
#define BIRTHMARK_TESTS_BENCH_PAST_CERTIFICATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::bench {

struct PastCertificatesOptions {
  int64_t certificates = 1000000;
  // Of these; spread evenly.
  int64_t revoked = 100000;
  // Places of a CRL shard.
  int64_t shard_size = 20000;
  // The last shard has so many revoked certificates, and some more that are
  // not: part of `certificates` and `revoked`. 0: it is like the others.
  int64_t full_shard = 0;
};

// PastCertificates are what devices of a fleet have been given by the issuer
// "idevid": the tables certificates, revocations, revocation_changes and
// crl_shards, with the sizes, ids and order in time of production; the
// certificates themselves are noise and short. Not thread-safe; ends the
// program if anything fails.
class PastCertificates {
 public:
  static constexpr char kIssuer[] = "idevid";
  // Of the full shard, not revoked.
  static constexpr int64_t kReserve = 64;

  // `postgres` must outlive it. The database is "birthmark".
  PastCertificates(tests::PostgresCluster& postgres,
                   const PastCertificatesOptions& options);

  // Add writes the rows set by set past triggers, vacuums, and has everything
  // on disk. No service may run. Returns how long it took.
  absl::Duration Add();

  // Sample returns serials (octets) of certificates, revoked or not, from all
  // over. The same for the same count.
  std::vector<std::string> Sample(int64_t count);

  // Fresh returns serials of certificates that are not revoked, from all over
  // but the full shard, and never one twice.
  std::vector<std::string> Fresh(int64_t count);

  // FreshOfFullShard likewise; kReserve in all.
  std::vector<std::string> FreshOfFullShard(int64_t count);

  // Shards are numbered from 1.
  int64_t shards() const;

 private:
  std::string Run(const std::string& statement);
  std::vector<std::string> Serials(const std::string& numbers);

  tests::PostgresCluster& postgres_;
  const PastCertificatesOptions options_;
  const int64_t even_;  // certificates before the full shard
  const std::string now_;
  int64_t fresh_ = 0;
  int64_t fresh_of_full_shard_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_PAST_CERTIFICATES_H_
