// What P-256 signatures cost: CPU time of one thread for each, by arithmetic
// and by how many are verified at a time. Each figure is the median of several
// runs, taken in turn, so that a machine that slows down does so for all.
//
//   bazel run //tests/bench/ecdsa [-- RUNS]

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/crypto/verify_job.h"
#include "lib/keys/local_key.h"
#include "tests/bench/cpu_account.h"

namespace birthmark::bench {
namespace {

using crypto::Arithmetic;

constexpr size_t kBatchSizes[] = {1, 2, 3, 4, 8, 16, 64, 256};
constexpr size_t kLargestBatch = 256;
constexpr size_t kOperationsPerRun = 2048;
constexpr int kDefaultRuns = 7;
// As long as the part of a small CSR that its signature covers.
constexpr size_t kMessageBytes = 200;

void Require(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
  }
}

// Requests are CSRs as the verifier sees them, each with a key of its own.
struct Requests {
  Requests() {
    for (size_t i = 0; i < kLargestBatch; ++i) {
      auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
      Require(key.ok(), "cannot generate a key");
      messages.push_back(absl::StrCat(i, std::string(kMessageBytes, 'r')));
      signatures.push_back((*key)->Sign(messages.back()).value());
      signers.push_back(*std::move(key));
    }
    for (size_t i = 0; i < kLargestBatch; ++i) {
      jobs.push_back({&signers[i]->public_key(), signers[i]->algorithm(),
                      messages[i], signatures[i]});
    }
  }

  std::vector<std::unique_ptr<keys::LocalKey>> signers;
  std::vector<std::string> messages;
  std::vector<std::string> signatures;
  std::vector<crypto::VerifyJob> jobs;
};

double VerifyMicroseconds(const Requests& requests,
                          const crypto::BatchVerifier& verifier,
                          size_t batch_size) {
  const absl::Duration start = ThreadCpu();
  size_t done = 0;
  for (size_t first = 0; done < kOperationsPerRun; first += batch_size) {
    if (first + batch_size > kLargestBatch) {
      first = 0;
    }
    const auto valid = verifier.Verify(
        absl::MakeConstSpan(requests.jobs).subspan(first, batch_size));
    Require(std::count(valid.begin(), valid.end(), false) == 0,
            "a good signature was refused");
    done += batch_size;
  }
  return absl::ToDoubleMicroseconds(ThreadCpu() - start) /
         static_cast<double>(done);
}

double SignMicroseconds(const Requests& requests) {
  const keys::LocalKey& signer = *requests.signers[0];
  const absl::Duration start = ThreadCpu();
  for (size_t i = 0; i < kOperationsPerRun; ++i) {
    Require(signer.Sign(requests.messages[i % kLargestBatch]).ok(),
            "cannot sign");
  }
  return absl::ToDoubleMicroseconds(ThreadCpu() - start) / kOperationsPerRun;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Run(int runs) {
  const Requests requests;
  const crypto::BatchVerifier reference(Arithmetic::kBoringSsl);
  const crypto::BatchVerifier best;
  const std::string best_name(crypto::ArithmeticName(best.arithmetic()));
  constexpr size_t kSizes = std::size(kBatchSizes);
  std::vector<double> sign;
  std::vector<std::vector<double>> with_reference(kSizes);
  std::vector<std::vector<double>> with_best(kSizes);
  for (int run = 0; run < runs; ++run) {
    sign.push_back(SignMicroseconds(requests));
    for (size_t i = 0; i < kSizes; ++i) {
      with_reference[i].push_back(
          VerifyMicroseconds(requests, reference, kBatchSizes[i]));
      with_best[i].push_back(
          VerifyMicroseconds(requests, best, kBatchSizes[i]));
    }
  }
  std::printf("us of CPU each, median of %d runs\n\n", runs);
  std::printf("sign, boringssl: %.1f\n\n", Median(sign));
  std::printf("verify, at a time  %9s  %9s  ratio\n", "boringssl",
              best_name.c_str());
  for (size_t i = 0; i < kSizes; ++i) {
    const double slow = Median(with_reference[i]);
    const double fast = Median(with_best[i]);
    std::printf("%17zu  %9.1f  %9.1f  %5.2f\n", kBatchSizes[i], slow, fast,
                slow / fast);
  }
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) {
  int runs = birthmark::bench::kDefaultRuns;
  if (argc > 2 ||
      (argc == 2 && (!absl::SimpleAtoi(argv[1], &runs) || runs < 1))) {
    std::fprintf(stderr, "usage: ecdsa [RUNS]\n");
    return 2;
  }
  birthmark::bench::Run(runs);
  return 0;
}
