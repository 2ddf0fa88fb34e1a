#include "lib/crypto/ecdsa_signature.h"

#include <cstdint>

#include "absl/status/status.h"
#include "lib/crypto/byte_casts.h"
#include "openssl/bn.h"
#include "openssl/ecdsa.h"
#include "openssl/err.h"
#include "openssl/mem.h"

namespace birthmark::crypto {
namespace {

constexpr size_t kMaxRaw = 132;  // P-521

absl::Status Malformed() {
  ERR_clear_error();
  return absl::InvalidArgumentError("not an ECDSA signature of this size");
}

}  // namespace

absl::StatusOr<std::string> EcdsaDerToRaw(absl::string_view der, size_t size) {
  const bssl::UniquePtr<ECDSA_SIG> signature(
      ECDSA_SIG_from_bytes(AsBytes(der), der.size()));
  std::string raw(2 * size, '\0');
  if (signature == nullptr ||
      !BN_bn2bin_padded(AsBytes(raw), size,
                        ECDSA_SIG_get0_r(signature.get())) ||
      !BN_bn2bin_padded(AsBytes(raw) + size, size,
                        ECDSA_SIG_get0_s(signature.get()))) {
    return Malformed();
  }
  return raw;
}

absl::StatusOr<std::string> EcdsaRawToDer(absl::string_view raw) {
  if (raw.empty() || raw.size() % 2 != 0 || raw.size() > kMaxRaw) {
    return Malformed();
  }
  const size_t size = raw.size() / 2;
  bssl::UniquePtr<BIGNUM> r(BN_bin2bn(AsBytes(raw), size, nullptr));
  bssl::UniquePtr<BIGNUM> s(BN_bin2bn(AsBytes(raw) + size, size, nullptr));
  const bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || signature == nullptr ||
      !ECDSA_SIG_set0(signature.get(), r.get(), s.get())) {
    ERR_clear_error();
    return absl::InternalError("cannot set up a signature");
  }
  r.release();
  s.release();
  uint8_t* der = nullptr;
  size_t der_size = 0;
  if (!ECDSA_SIG_to_bytes(&der, &der_size, signature.get())) {
    ERR_clear_error();
    return absl::InternalError("cannot write a signature");
  }
  const bssl::UniquePtr<uint8_t> owned(der);
  return std::string(AsChars(der, der_size));
}

}  // namespace birthmark::crypto
