#include "tests/bench/floor.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/crypto/verify_job.h"
#include "lib/keys/local_key.h"
#include "tests/bench/cpu_account.h"

namespace birthmark::bench {
namespace {

// What is signed: as long as the part of a CSR, or of a certificate, that the
// signature covers.
constexpr size_t kCsrInfoBytes = 103;
constexpr size_t kTbsBytes = 500;
// Or of an OCSP response with a nonce.
constexpr size_t kOcspTbsBytes = 240;
constexpr size_t kProofs = 256;

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// Proofs are signatures by distinct keys, as many as make a micro-batch.
struct Proofs {
  Proofs() {
    for (size_t i = 0; i < kProofs; ++i) {
      auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
      Require(key.ok());
      auto signature = (*key)->Sign(request);
      Require(signature.ok());
      keys.push_back(*std::move(key));
      signatures.push_back(*std::move(signature));
    }
    for (size_t i = 0; i < kProofs; ++i) {
      jobs.push_back({&keys[i]->public_key(), keys[i]->algorithm(), request,
                      signatures[i]});
    }
  }

  const std::string request = std::string(kCsrInfoBytes, 'r');
  std::vector<std::unique_ptr<keys::LocalKey>> keys;
  std::vector<std::string> signatures;
  std::vector<crypto::VerifyJob> jobs;
};

}  // namespace

Floor MeasureFloor(crypto::Arithmetic arithmetic, int rounds) {
  const Proofs proofs;
  const crypto::BatchVerifier verifier(arithmetic);
  const std::string tbs(kTbsBytes, 't');

  Floor floor;
  const int batches = std::max(rounds / static_cast<int>(kProofs), 1);
  const absl::Duration start = ThreadCpu();
  for (int i = 0; i < batches; ++i) {
    const std::vector<bool> valid = verifier.Verify(proofs.jobs);
    Require(std::count(valid.begin(), valid.end(), false) == 0);
  }
  const absl::Duration middle = ThreadCpu();
  for (int i = 0; i < rounds; ++i) {
    Require(proofs.keys[0]->Sign(tbs).ok());
  }
  floor.sign = (ThreadCpu() - middle) / rounds;
  floor.verify = (middle - start) / (batches * static_cast<int>(kProofs));
  return floor;
}

Floor MeasureFloorOnAllCores(crypto::Arithmetic arithmetic, int rounds) {
  std::vector<Floor> floors(std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (Floor& floor : floors) {
    threads.emplace_back([&floor, arithmetic, rounds] {
      floor = MeasureFloor(arithmetic, rounds);
    });
  }
  Floor mean;
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i].join();
    mean.verify += floors[i].verify / static_cast<int64_t>(floors.size());
    mean.sign += floors[i].sign / static_cast<int64_t>(floors.size());
  }
  return mean;
}

SignatureRate MeasureSignatureRate(absl::Duration duration) {
  struct Share {
    uint64_t signatures = 0;
    absl::Duration cpu;
  };
  std::vector<Share> shares(std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  const absl::Duration start = Clock::Real().MonotonicNow();
  for (Share& share : shares) {
    threads.emplace_back([&share, end = start + duration] {
      const auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
      Require(key.ok());
      const std::string tbs(kOcspTbsBytes, 't');
      const absl::Duration before = ThreadCpu();
      while (Clock::Real().MonotonicNow() < end) {
        for (int i = 0; i < 64; ++i) {
          Require((*key)->Sign(tbs).ok());
        }
        share.signatures += 64;
      }
      share.cpu = ThreadCpu() - before;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const absl::Duration time = Clock::Real().MonotonicNow() - start;
  Share sum;
  for (const Share& share : shares) {
    sum.signatures += share.signatures;
    sum.cpu += share.cpu;
  }
  const double signatures = static_cast<double>(sum.signatures);
  return {.per_second = signatures / absl::ToDoubleSeconds(time),
          .per_cpu_second = signatures / absl::ToDoubleSeconds(sum.cpu)};
}

}  // namespace birthmark::bench
