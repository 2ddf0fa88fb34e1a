#include "lib/crypto/p256_lanes.h"

#include <algorithm>

#include "crypto_mb/cpu_features.h"
#include "crypto_mb/ec_nistp256.h"
#include "crypto_mb/status.h"

namespace birthmark::crypto {
namespace {

// What third_party/crypto_mb.BUILD compiles for beyond what the library itself
// asks for: it uses VBMI and does not look for it.
constexpr uint64_t kAlsoNeeded =
    mbcpCPUID_AVX512VBMI | mbcpCPUID_AVX512CD | mbcpAVX_ENABLEDBYOS;

// The last word of a big-endian number.
uint64_t LowWord(const uint8_t (&octets)[kP256Octets]) {
  uint64_t word = 0;
  for (size_t i = kP256Octets - sizeof(word); i < kP256Octets; ++i) {
    word = word << 8 | octets[i];
  }
  return word;
}

// crypto_mb adds two equal points rightly only if it notices that they are
// equal, and in one of twenty cases it does not: the sum becomes the point at
// infinity. At the end of a verification that refuses the signature, which is
// harmless. On the way it could make u1 * G alone count, and a digest, r and s
// that fit that are easily found. That happens in one place only: the
// multiplication by u2 = r / s ends with -Q + -Q where u2 = -2, so r + 2 * s is
// the order or twice the order. The low words tell well enough.
bool CouldLoseAPoint(const P256Lane& lane) {
  constexpr uint64_t kLowWordOfOrder = 0xf3b9cac2fc632551;
  const uint64_t sum = LowWord(lane.r) + 2 * LowWord(lane.s);
  return sum == kLowWordOfOrder || sum == 2 * kLowWordOfOrder;
}

// crypto_mb takes coordinates as words, the least significant first.
constexpr size_t kWords = kP256Octets / sizeof(int64u);

void ToWords(const uint8_t (&octets)[kP256Octets], int64u (&words)[kWords]) {
  for (size_t i = 0; i < kWords; ++i) {
    words[i] = 0;
    for (size_t j = 0; j < sizeof(int64u); ++j) {
      words[i] = words[i] << 8 | octets[(kWords - 1 - i) * sizeof(int64u) + j];
    }
  }
}

bool Detect() {
  const int64u features = mbx_get_cpu_features();
  return (features & kAlsoNeeded) == kAlsoNeeded &&
         mbx_is_crypto_mb_applicable(features) != 0;
}

}  // namespace

bool HasP256Lanes() {
  // A hypervisor makes CPUID slow.
  static const bool has = Detect();
  return has;
}

uint8_t VerifyP256Lanes(absl::Span<const P256Lane> lanes) {
  // A lane without data is one that crypto_mb leaves out.
  const uint8_t* digests[kP256Lanes] = {};
  const uint8_t* rs[kP256Lanes] = {};
  const uint8_t* ss[kP256Lanes] = {};
  const int64u* xs[kP256Lanes] = {};
  const int64u* ys[kP256Lanes] = {};
  int64u words[kP256Lanes][2][kWords];
  const size_t count = std::min(lanes.size(), kP256Lanes);
  for (size_t i = 0; i < count; ++i) {
    if (CouldLoseAPoint(lanes[i])) {
      continue;
    }
    digests[i] = lanes[i].digest;
    rs[i] = lanes[i].r;
    ss[i] = lanes[i].s;
    ToWords(lanes[i].x, words[i][0]);
    ToWords(lanes[i].y, words[i][1]);
    xs[i] = words[i][0];
    ys[i] = words[i][1];
  }
  const mbx_status status = mbx_nistp256_ecdsa_verify_mb8(
      rs, ss, digests, xs, ys, /*pa_pubz=*/nullptr, /*pBuffer=*/nullptr);
  uint8_t valid = 0;
  for (size_t i = 0; i < count; ++i) {
    if (MBX_GET_STS(status, static_cast<int>(i)) == MBX_STATUS_OK) {
      valid |= static_cast<uint8_t>(1u << i);
    }
  }
  return valid;
}

}  // namespace birthmark::crypto
