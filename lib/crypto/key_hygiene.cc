#include "lib/crypto/key_hygiene.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/crypto/public_key_impl.h"
#include "openssl/bn.h"
#include "openssl/err.h"

namespace birthmark::crypto {
namespace {

constexpr size_t kSmallPrimes = 2000;
constexpr size_t kRocaPrimes = 38;  // 3 to 167
constexpr uint64_t kRocaGenerator = 65537;
constexpr int kFermatRounds = 100;

using Number = bssl::UniquePtr<BIGNUM>;

absl::Status Weak(absl::string_view rule, absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reasons::kKeyWeak,
                   absl::StrCat("the RSA key is weak: ", text),
                   {{"rule", rule}});
}

// The first `kSmallPrimes` odd primes.
std::vector<uint64_t> OddPrimes() {
  std::vector<uint64_t> primes;
  for (uint64_t candidate = 3; primes.size() < kSmallPrimes; candidate += 2) {
    bool prime = true;
    for (const uint64_t p : primes) {
      if (p * p > candidate) {
        break;
      }
      if (candidate % p == 0) {
        prime = false;
        break;
      }
    }
    if (prime) {
      primes.push_back(candidate);
    }
  }
  return primes;
}

// A run of primes whose product fits one word: one long division of the modulus
// serves them all.
struct PrimeGroup {
  uint64_t product = 1;
  std::vector<uint64_t> primes;
};

std::vector<PrimeGroup> Groups(const std::vector<uint64_t>& primes) {
  std::vector<PrimeGroup> groups(1);
  for (const uint64_t p : primes) {
    if (groups.back().product > UINT64_MAX / p) {
      groups.emplace_back();
    }
    groups.back().product *= p;
    groups.back().primes.push_back(p);
  }
  return groups;
}

// For a marker prime, which residues are powers of 65537.
struct RocaMarker {
  uint64_t prime;
  std::vector<bool> is_power;
};

std::vector<RocaMarker> RocaMarkers(const std::vector<uint64_t>& primes) {
  std::vector<RocaMarker> markers;
  for (size_t i = 0; i < kRocaPrimes; ++i) {
    RocaMarker marker{primes[i], std::vector<bool>(primes[i], false)};
    uint64_t power = 1;
    do {
      marker.is_power[power] = true;
      power = power * kRocaGenerator % marker.prime;
    } while (power != 1);
    markers.push_back(std::move(marker));
  }
  return markers;
}

struct Tables {
  const std::vector<PrimeGroup> groups = Groups(OddPrimes());
  const std::vector<RocaMarker> markers = RocaMarkers(OddPrimes());
};

const Tables& Known() {
  static const Tables* const tables = new Tables();
  return *tables;
}

bool HasSmallFactor(const BIGNUM* modulus) {
  for (const PrimeGroup& group : Known().groups) {
    const uint64_t residue = BN_mod_word(modulus, group.product);
    for (const uint64_t p : group.primes) {
      if (residue % p == 0) {
        return true;
      }
    }
  }
  return false;
}

bool HasRocaFingerprint(const BIGNUM* modulus) {
  for (const RocaMarker& marker : Known().markers) {
    if (!marker.is_power[BN_mod_word(modulus, marker.prime)]) {
      return false;
    }
  }
  return true;
}

// Sets `root` to the largest integer whose square is not above `number`, which
// must be positive, by Newton's method from above. False if memory ran out.
bool IntegerRoot(const BIGNUM* number, BIGNUM* root, BN_CTX* context) {
  Number next(BN_new());
  if (next == nullptr || !BN_set_word(next.get(), 1) ||
      !BN_lshift(next.get(), next.get(), (BN_num_bits(number) + 1) / 2)) {
    return false;
  }
  do {
    if (!BN_copy(root, next.get()) ||
        !BN_div(next.get(), nullptr, number, root, context) ||
        !BN_add(next.get(), next.get(), root) ||
        !BN_rshift1(next.get(), next.get())) {
      return false;
    }
  } while (BN_cmp(next.get(), root) < 0);
  return true;
}

// Tells whether `residue`, modulo `modulus`, can be that of a square.
bool CanBeSquare(uint64_t residue, uint64_t modulus) {
  for (uint64_t i = 0; i < modulus; ++i) {
    if (i * i % modulus == residue % modulus) {
      return true;
    }
  }
  return false;
}

// Most numbers fail one of these, which spares them the root.
bool MayBeSquare(const BIGNUM* number) {
  constexpr uint64_t kModuli[] = {64, 63, 65, 11, 17, 19, 23, 31, 37};
  constexpr uint64_t kProduct =
      uint64_t{64} * 63 * 65 * 11 * 17 * 19 * 23 * 31 * 37;
  const uint64_t residue = BN_mod_word(number, kProduct);
  for (const uint64_t modulus : kModuli) {
    if (!CanBeSquare(residue, modulus)) {
      return false;
    }
  }
  return true;
}

// The outcome of a search that may run out of memory.
enum class Search { kFound, kNotFound, kFailed };

// Looks for a, starting at the root of n, such that a^2 - n is a square b^2:
// then n = (a - b)(a + b).
Search FindCloseFactors(const BIGNUM* modulus) {
  bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  Number a(BN_new());
  Number rest(BN_new());  // a^2 - n
  Number root(BN_new());
  Number step(BN_new());
  if (context == nullptr || a == nullptr || rest == nullptr ||
      root == nullptr || step == nullptr ||
      !IntegerRoot(modulus, a.get(), context.get()) ||
      !BN_sqr(rest.get(), a.get(), context.get()) ||
      !BN_sub(rest.get(), rest.get(), modulus)) {
    return Search::kFailed;
  }
  for (int round = 0; round <= kFermatRounds; ++round) {
    if (BN_is_zero(rest.get())) {
      return Search::kFound;
    }
    if (!BN_is_negative(rest.get()) && MayBeSquare(rest.get())) {
      if (!IntegerRoot(rest.get(), root.get(), context.get()) ||
          !BN_sqr(root.get(), root.get(), context.get())) {
        return Search::kFailed;
      }
      if (BN_cmp(root.get(), rest.get()) == 0) {
        return Search::kFound;
      }
    }
    // (a + 1)^2 - n = rest + 2a + 1
    if (!BN_lshift1(step.get(), a.get()) || !BN_add_word(step.get(), 1) ||
        !BN_add(rest.get(), rest.get(), step.get()) ||
        !BN_add_word(a.get(), 1)) {
      return Search::kFailed;
    }
  }
  return Search::kNotFound;
}

absl::Status CheckRsa(const RSA* rsa, int bits) {
  const BIGNUM* const modulus = RSA_get0_n(rsa);
  const BIGNUM* const exponent = RSA_get0_e(rsa);
  if (bits < kMinRsaBits || bits > kMaxRsaBits || bits % 8 != 0) {
    return Weak(
        "rsa_modulus_size",
        absl::StrCat("its modulus has ", bits, " bits, not ", kMinRsaBits,
                     " to ", kMaxRsaBits, " in steps of 8"));
  }
  if (!BN_is_odd(exponent) || BN_num_bits(exponent) > 32 ||
      BN_cmp_word(exponent, 65537) < 0) {
    return Weak("rsa_exponent",
                "its exponent is not an odd number from 65537 to 2^32 - 1");
  }
  if (!BN_is_odd(modulus)) {
    return Weak("rsa_even_modulus", "its modulus is even");
  }
  if (HasSmallFactor(modulus)) {
    return Weak("rsa_small_factor", "its modulus has a small factor");
  }
  if (HasRocaFingerprint(modulus)) {
    return Weak("rsa_roca", "it has the fingerprint of CVE-2017-15361");
  }
  switch (FindCloseFactors(modulus)) {
    case Search::kFound:
      return Weak("rsa_close_primes", "its primes are too close together");
    case Search::kFailed:
      ERR_clear_error();
      return absl::InternalError("cannot examine an RSA modulus");
    case Search::kNotFound:
      break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckKeyHygiene(const PublicKey& key) {
  if (key.algorithm() != KeyAlgorithm::kRsa) {
    return absl::OkStatus();
  }
  return CheckRsa(key.impl().rsa.get(), key.bits());
}

}  // namespace birthmark::crypto
