#include "lib/crypto/ed25519_point.h"

#include <algorithm>
#include <string>

#include "lib/crypto/byte_casts.h"
#include "openssl/bn.h"
#include "openssl/err.h"

namespace birthmark::crypto {
namespace {

using Number = bssl::UniquePtr<BIGNUM>;

Number FromHex(const char* hex) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, hex);
  return Number(number);
}

// The field, the curve's d (RFC 8032, 5.1), and the y of the points of order 8
// with the smaller y; the others of small order have y = 0, 1 or -1.
struct Constants {
  Number p = FromHex(
      "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
  Number d = FromHex(
      "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
  Number half = FromHex(  // (p - 1) / 2
      "3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff6");
  Number order_eight = FromHex(
      "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826");
};

const Constants& Known() {
  static const Constants* const constants = new Constants();
  return *constants;
}

// Tells whether there is an x to this y: x^2 = (y^2 - 1) / (d y^2 + 1) has a
// root if and only if (y^2 - 1) (d y^2 + 1) is a square, by Euler's criterion.
bool IsOnCurve(const BIGNUM* y) {
  const Constants& known = Known();
  const BIGNUM* const p = known.p.get();
  bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  Number square(BN_new());
  Number numerator(BN_new());
  Number denominator(BN_new());
  Number root(BN_new());
  if (context == nullptr || square == nullptr || numerator == nullptr ||
      denominator == nullptr || root == nullptr) {
    return false;
  }
  const BIGNUM* const one = BN_value_one();
  return BN_mod_sqr(square.get(), y, p, context.get()) &&
         BN_mod_sub(numerator.get(), square.get(), one, p, context.get()) &&
         BN_mod_mul(denominator.get(), square.get(), known.d.get(), p,
                    context.get()) &&
         BN_mod_add(denominator.get(), denominator.get(), one, p,
                    context.get()) &&
         BN_mod_mul(root.get(), numerator.get(), denominator.get(), p,
                    context.get()) &&
         BN_mod_exp(root.get(), root.get(), known.half.get(), p,
                    context.get()) &&
         (BN_is_one(root.get()) || BN_is_zero(root.get()));
}

bool IsSmallOrder(const BIGNUM* y) {
  const Constants& known = Known();
  Number minus_y(BN_new());
  return minus_y == nullptr || !BN_sub(minus_y.get(), known.p.get(), y) ||
         BN_is_zero(y) || BN_is_one(y) || BN_is_one(minus_y.get()) ||
         BN_cmp(y, known.order_eight.get()) == 0 ||
         BN_cmp(minus_y.get(), known.order_eight.get()) == 0;
}

}  // namespace

absl::string_view Ed25519PointFault(absl::string_view point) {
  std::string bytes(point);
  if (bytes.size() != 32) {
    return "ed25519_not_canonical";
  }
  bytes[31] = static_cast<char>(bytes[31] & 0x7f);  // the sign of x
  const Number y(
      BN_le2bn(AsBytes(absl::string_view(bytes)), bytes.size(), nullptr));
  if (y == nullptr || BN_cmp(y.get(), Known().p.get()) >= 0) {
    return "ed25519_not_canonical";
  }
  if (IsSmallOrder(y.get())) {
    return "ed25519_small_order";
  }
  if (!IsOnCurve(y.get())) {
    ERR_clear_error();
    return "ed25519_not_on_curve";
  }
  return "";
}

}  // namespace birthmark::crypto
