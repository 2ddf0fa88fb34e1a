// RevokeLoad is an operator who revokes, over connections of its own.
#ifndef BIRTHMARK_TESTS_BENCH_REVOKE_LOAD_H_
#define BIRTHMARK_TESTS_BENCH_REVOKE_LOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// Not thread-safe. Whatever goes wrong ends the program.
class RevokeLoad {
 public:
  // `deployment` must outlive it; `issuer` has issued all certificates.
  RevokeLoad(tests::Deployment& deployment, const std::string& issuer,
             int max_clients);

  // Revoke revokes each certificate once, by `clients` callers at a time, each
  // with a connection of its own and one call after the other. Returns how long
  // each call took. The serials are octets, never revoked before.
  std::vector<absl::Duration> Revoke(const std::vector<std::string>& serials,
                                     int clients);

  // FetchCrl asks for the current CRL of a shard.
  struct Crl {
    absl::Duration time;
    int64_t number = 0;
    std::string der;
  };
  Crl FetchCrl(int64_t shard);

 private:
  absl::Duration RevokeOne(rpc::GrpcChannel& channel,
                           const std::string& serial) const;

  const std::string issuer_;
  std::vector<std::unique_ptr<rpc::GrpcChannel>> channels_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_REVOKE_LOAD_H_
