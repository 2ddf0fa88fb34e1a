#include "lib/crypto/weak_rsa_keys.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/crypto/byte_casts.h"
#include "openssl/bn.h"
#include "openssl/bytestring.h"
#include "openssl/evp.h"
#include "openssl/mem.h"
#include "openssl/rsa.h"

namespace birthmark::crypto {
namespace {

using Number = bssl::UniquePtr<BIGNUM>;

constexpr int kPrimeBits = 1024;

void Check(bool ok) {
  if (!ok) {
    std::fprintf(stderr, "weak_rsa_keys: out of luck\n");
    std::abort();
  }
}

// A prime whose predecessor has no factor 65537, so that there is an inverse.
Number Prime(const BIGNUM* e, BN_CTX* context) {
  Number prime(BN_new());
  Number rest(BN_new());
  do {
    // Both top bits are set, so that the modulus has all of its bits.
    Check(BN_generate_prime_ex(prime.get(), kPrimeBits, 0, nullptr, nullptr,
                               nullptr));
    Check(BN_mod(rest.get(), prime.get(), e, context));
  } while (BN_is_one(rest.get()));
  return prime;
}

Number Less1(const BIGNUM* number) {
  Number result(BN_dup(number));
  Check(result != nullptr && BN_sub_word(result.get(), 1));
  return result;
}

bssl::UniquePtr<RSA> KeyOf(const BIGNUM* p, const BIGNUM* q, const BIGNUM* e,
                           BN_CTX* context) {
  const Number p1 = Less1(p);
  const Number q1 = Less1(q);
  Number n(BN_new());
  Number phi(BN_new());
  Number d(BN_new());
  Number dp(BN_new());
  Number dq(BN_new());
  Number inverse(BN_new());
  Check(BN_mul(n.get(), p, q, context) &&
        BN_mul(phi.get(), p1.get(), q1.get(), context) &&
        BN_mod_inverse(d.get(), e, phi.get(), context) != nullptr &&
        BN_mod(dp.get(), d.get(), p1.get(), context) &&
        BN_mod(dq.get(), d.get(), q1.get(), context) &&
        BN_mod_inverse(inverse.get(), q, p, context) != nullptr);
  bssl::UniquePtr<RSA> rsa(RSA_new());
  Check(RSA_set0_key(rsa.get(), n.release(), BN_dup(e), d.release()) &&
        RSA_set0_factors(rsa.get(), BN_dup(p), BN_dup(q)) &&
        RSA_set0_crt_params(rsa.get(), dp.release(), dq.release(),
                            inverse.release()) &&
        RSA_check_key(rsa.get()));
  return rsa;
}

std::string Taken(CBB* cbb) {
  uint8_t* der = nullptr;
  size_t size = 0;
  Check(CBB_finish(cbb, &der, &size));
  const bssl::UniquePtr<uint8_t> owned(der);
  return std::string(AsChars(der, size));
}

WeakRsaKey Encode(RSA* rsa) {
  const bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  bssl::ScopedCBB spki;
  bssl::ScopedCBB pkcs8;
  Check(EVP_PKEY_set1_RSA(key.get(), rsa) && CBB_init(spki.get(), 512) &&
        CBB_init(pkcs8.get(), 2048) &&
        EVP_marshal_public_key(spki.get(), key.get()) &&
        EVP_marshal_private_key(pkcs8.get(), key.get()));
  const std::string base64 = Base64Encode(Taken(pkcs8.get()));
  WeakRsaKey encoded;
  encoded.spki_der = Taken(spki.get());
  encoded.pem = "-----BEGIN PRIVATE KEY-----\n";
  for (size_t i = 0; i < base64.size(); i += 64) {
    absl::StrAppend(&encoded.pem, base64.substr(i, 64), "\n");
  }
  absl::StrAppend(&encoded.pem, "-----END PRIVATE KEY-----\n");
  return encoded;
}

}  // namespace

std::vector<WeakRsaKey> RsaKeysWithOnePrime(int count) {
  const bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  Number e(BN_new());
  Check(context != nullptr && e != nullptr && BN_set_word(e.get(), RSA_F4));
  const Number shared = Prime(e.get(), context.get());
  std::vector<WeakRsaKey> keys;
  while (static_cast<int>(keys.size()) < count) {
    const Number own = Prime(e.get(), context.get());
    // As BoringSSL orders them.
    const bool larger = BN_cmp(shared.get(), own.get()) > 0;
    keys.push_back(
        Encode(KeyOf(larger ? shared.get() : own.get(),
                     larger ? own.get() : shared.get(), e.get(), context.get())
                   .get()));
  }
  return keys;
}

}  // namespace birthmark::crypto
