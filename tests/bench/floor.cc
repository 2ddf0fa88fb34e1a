#include "tests/bench/floor.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/crypto/public_key.h"
#include "lib/keys/local_key.h"
#include "tests/bench/cpu_account.h"

namespace birthmark::bench {
namespace {

// What is signed: as long as the part of a CSR, or of a certificate, that the
// signature covers.
constexpr size_t kCsrInfoBytes = 103;
constexpr size_t kTbsBytes = 500;

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

Floor MeasureFloor(int rounds) {
  const auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
  Require(key.ok());
  const std::string request(kCsrInfoBytes, 'r');
  const std::string tbs(kTbsBytes, 't');
  const auto signature = (*key)->Sign(request);
  Require(signature.ok());
  const crypto::PublicKey& public_key = (*key)->public_key();

  Floor floor;
  const absl::Duration start = ThreadCpu();
  for (int i = 0; i < rounds; ++i) {
    Require(public_key.Verify((*key)->algorithm(), request, *signature));
  }
  const absl::Duration middle = ThreadCpu();
  for (int i = 0; i < rounds; ++i) {
    Require((*key)->Sign(tbs).ok());
  }
  floor.sign = (ThreadCpu() - middle) / rounds;
  floor.verify = (middle - start) / rounds;
  return floor;
}

Floor MeasureFloorOnAllCores(int rounds) {
  std::vector<Floor> floors(std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (Floor& floor : floors) {
    threads.emplace_back([&floor, rounds] { floor = MeasureFloor(rounds); });
  }
  Floor mean;
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i].join();
    mean.verify += floors[i].verify / static_cast<int64_t>(floors.size());
    mean.sign += floors[i].sign / static_cast<int64_t>(floors.size());
  }
  return mean;
}

}  // namespace birthmark::bench
