#include "lib/crypto/batch_verifier.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "lib/crypto/byte_casts.h"
#include "lib/crypto/p256_lanes.h"
#include "openssl/bn.h"
#include "openssl/ecdsa.h"
#include "openssl/err.h"
#include "openssl/sha.h"

namespace birthmark::crypto {
namespace {

static_assert(BatchVerifier::kGroup == kP256Lanes);

// A pass costs the same however many lanes are taken: as much as BoringSSL
// takes for somewhat more than two signatures.
constexpr size_t kWorthAPass = 3;

// Puts `job` into `lane`. False if it is of another kind or its signature has
// not the form that lanes take.
bool FillLane(const VerifyJob& job, P256Lane& lane) {
  if (job.key->algorithm() != KeyAlgorithm::kP256 ||
      job.algorithm != SignatureAlgorithm::kEcdsaSha256) {
    return false;
  }
  const bssl::UniquePtr<ECDSA_SIG> signature(
      ECDSA_SIG_from_bytes(AsBytes(job.signature), job.signature.size()));
  if (signature == nullptr ||
      !BN_bn2bin_padded(lane.r, sizeof(lane.r),
                        ECDSA_SIG_get0_r(signature.get())) ||
      !BN_bn2bin_padded(lane.s, sizeof(lane.s),
                        ECDSA_SIG_get0_s(signature.get()))) {
    ERR_clear_error();
    return false;
  }
  SHA256(AsBytes(job.message), job.message.size(), lane.digest);
  // key_bytes is 04, x, y, and PublicKey knows that the point is on the curve.
  const uint8_t* const point = AsBytes(job.key->key_bytes());
  std::copy_n(point + 1, kP256Octets, lane.x);
  std::copy_n(point + 1 + kP256Octets, kP256Octets, lane.y);
  return true;
}

// A pass that is being put together: lanes, and which job is in each.
struct Pass {
  std::array<P256Lane, kP256Lanes> lanes;
  std::array<size_t, kP256Lanes> job_of;
  size_t taken = 0;
};

void Run(Pass& pass, std::vector<bool>& valid) {
  if (pass.taken >= kWorthAPass) {
    const uint8_t bits =
        VerifyP256Lanes(absl::MakeConstSpan(pass.lanes.data(), pass.taken));
    for (size_t i = 0; i < pass.taken; ++i) {
      valid[pass.job_of[i]] = ((bits >> i) & 1) != 0;
    }
  }
  pass.taken = 0;
}

// Marks those jobs that lanes find valid.
void VerifyInLanes(absl::Span<const VerifyJob> jobs, std::vector<bool>& valid) {
  Pass pass;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!FillLane(jobs[i], pass.lanes[pass.taken])) {
      continue;
    }
    pass.job_of[pass.taken] = i;
    if (++pass.taken == kP256Lanes) {
      Run(pass, valid);
    }
  }
  Run(pass, valid);
}

}  // namespace

Arithmetic BestArithmetic() {
  return HasP256Lanes() ? Arithmetic::kCryptoMb : Arithmetic::kBoringSsl;
}

absl::string_view ArithmeticName(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kCryptoMb ? "crypto_mb" : "boringssl";
}

BatchVerifier::BatchVerifier(Arithmetic arithmetic)
    : arithmetic_(HasP256Lanes() ? arithmetic : Arithmetic::kBoringSsl) {}

std::vector<bool> BatchVerifier::Verify(
    absl::Span<const VerifyJob> jobs) const {
  std::vector<bool> valid(jobs.size(), false);
  if (arithmetic_ == Arithmetic::kCryptoMb) {
    VerifyInLanes(jobs, valid);
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!valid[i]) {
      valid[i] = jobs[i].key->Verify(jobs[i].algorithm, jobs[i].message,
                                     jobs[i].signature);
    }
  }
  return valid;
}

}  // namespace birthmark::crypto
