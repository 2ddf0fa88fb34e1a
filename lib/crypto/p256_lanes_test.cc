// What crypto_mb alone says, against BoringSSL: it must accept nothing that
// BoringSSL refuses, whatever is in the lanes, and nearly everything that it
// accepts.

#include "lib/crypto/p256_lanes.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "lib/base/testing.h"
#include "openssl/bn.h"
#include "openssl/ec.h"
#include "openssl/ec_key.h"
#include "openssl/ecdsa.h"
#include "openssl/err.h"
#include "openssl/nid.h"
#include "openssl/rand.h"

namespace birthmark::crypto {
namespace {

using Number = bssl::UniquePtr<BIGNUM>;
using Point = bssl::UniquePtr<EC_POINT>;

const EC_GROUP* Group() {
  static const EC_GROUP* const group =
      EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  return group;
}
BN_CTX* Context() {
  static BN_CTX* const context = BN_CTX_new();
  return context;
}
const BIGNUM* Order() { return EC_GROUP_get0_order(Group()); }

Number Field() {
  Number p(BN_new());
  EXPECT_TRUE(
      EC_GROUP_get_curve_GFp(Group(), p.get(), nullptr, nullptr, nullptr));
  return p;
}

Number FromWord(uint64_t word) {
  Number number(BN_new());
  EXPECT_TRUE(BN_set_u64(number.get(), word));
  return number;
}

Number OrderMinus(uint64_t word) {
  Number number(BN_dup(Order()));
  EXPECT_TRUE(BN_sub_word(number.get(), word));
  return number;
}

Number RandomScalar() {
  Number number(BN_new());
  EXPECT_TRUE(BN_rand_range_ex(number.get(), 1, Order()));
  return number;
}

Number Times(const BIGNUM* a, const BIGNUM* b) {
  Number product(BN_new());
  EXPECT_TRUE(BN_mod_mul(product.get(), a, b, Order(), Context()));
  return product;
}

Number Inverse(const BIGNUM* a) {
  Number inverse(BN_new());
  EXPECT_NE(BN_mod_inverse(inverse.get(), a, Order(), Context()), nullptr);
  return inverse;
}

Number Negated(const BIGNUM* a) {
  Number negated(BN_new());
  EXPECT_TRUE(BN_sub(negated.get(), Order(), a));
  return negated;
}

Point BaseTimes(const BIGNUM* scalar) {
  Point point(EC_POINT_new(Group()));
  EXPECT_TRUE(
      EC_POINT_mul(Group(), point.get(), scalar, nullptr, nullptr, nullptr));
  return point;
}

void Put(const BIGNUM* number, uint8_t (&octets)[kP256Octets]) {
  EXPECT_TRUE(BN_bn2bin_padded(octets, sizeof(octets), number));
}

Number Read(const uint8_t (&octets)[kP256Octets]) {
  return Number(BN_bin2bn(octets, sizeof(octets), nullptr));
}

void PutKey(const EC_POINT* point, P256Lane& lane) {
  Number x(BN_new());
  Number y(BN_new());
  ASSERT_TRUE(EC_POINT_get_affine_coordinates_GFp(Group(), point, x.get(),
                                                  y.get(), nullptr));
  Put(x.get(), lane.x);
  Put(y.get(), lane.y);
}

// The lane whose verification computes u1 * G + u2 * `key`, valid if that sum
// is not at infinity: no private key is needed for a digest of one's choice.
P256Lane Craft(const EC_POINT* key, const BIGNUM* u1, const BIGNUM* u2) {
  P256Lane lane;
  PutKey(key, lane);
  Point sum(EC_POINT_new(Group()));
  EXPECT_TRUE(EC_POINT_mul(Group(), sum.get(), u1, key, u2, nullptr));
  Number r(BN_new());
  if (EC_POINT_is_at_infinity(Group(), sum.get())) {
    r = RandomScalar();
  } else {
    EXPECT_TRUE(EC_POINT_get_affine_coordinates_GFp(Group(), sum.get(), r.get(),
                                                    nullptr, nullptr));
    EXPECT_TRUE(BN_nnmod(r.get(), r.get(), Order(), Context()));
  }
  const Number s = Times(r.get(), Inverse(u2).get());
  Put(r.get(), lane.r);
  Put(s.get(), lane.s);
  Put(Times(u1, s.get()).get(), lane.digest);
  return lane;
}

P256Lane GoodLane() {
  const Point key = BaseTimes(RandomScalar().get());
  return Craft(key.get(), RandomScalar().get(), RandomScalar().get());
}

// BoringSSL's verdict. A key that is no point is refused when it is parsed.
bool Reference(const P256Lane& lane) {
  bssl::UniquePtr<EC_KEY> key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_new());
  EXPECT_TRUE(ECDSA_SIG_set0(signature.get(), Read(lane.r).release(),
                             Read(lane.s).release()));
  const bool valid = EC_KEY_set_public_key_affine_coordinates(
                         key.get(), Read(lane.x).get(), Read(lane.y).get()) &&
                     ECDSA_do_verify(lane.digest, sizeof(lane.digest),
                                     signature.get(), key.get());
  ERR_clear_error();
  return valid;
}

class P256LanesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasP256Lanes()) {
      GTEST_SKIP() << "this CPU has no AVX-512 IFMA, or the system hides it";
    }
  }

  // Whether `lane` is accepted in place `place` among good lanes, which must
  // all be accepted.
  bool Accepted(const P256Lane& lane, size_t place) {
    std::vector<P256Lane> lanes = good_;
    lanes[place] = lane;
    const uint8_t bits = VerifyP256Lanes(lanes);
    EXPECT_EQ(bits | 1u << place, 0xffu);
    return ((bits >> place) & 1) != 0;
  }

  // Expects that a lane is refused wherever BoringSSL refuses it, and that it
  // is what `lane` is by BoringSSL too. Returns whether crypto_mb accepts it.
  bool Agree(const P256Lane& lane, bool valid) {
    EXPECT_EQ(Reference(lane), valid);
    const bool accepted = Accepted(lane, next_place_++ % kP256Lanes);
    EXPECT_TRUE(valid || !accepted);
    return accepted;
  }

  std::vector<P256Lane> good_{GoodLane(), GoodLane(), GoodLane(), GoodLane(),
                              GoodLane(), GoodLane(), GoodLane(), GoodLane()};
  size_t next_place_ = 0;
};

TEST_F(P256LanesTest, AcceptsGoodLanesInAnyNumber) {
  for (size_t count = 0; count <= kP256Lanes; ++count) {
    EXPECT_EQ(VerifyP256Lanes(absl::MakeConstSpan(good_.data(), count)),
              (1u << count) - 1);
  }
  std::vector<P256Lane> more = good_;
  more.push_back(good_[0]);
  EXPECT_EQ(VerifyP256Lanes(more), 0xff) << "looks at the first eight";
}

TEST_F(P256LanesTest, AcceptsRandomSignatures) {
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(Agree(GoodLane(), true));
  }
}

TEST_F(P256LanesTest, RefusesEveryFlippedBit) {
  const P256Lane good = good_[0];
  for (size_t bit = 0; bit < 8 * sizeof(P256Lane); ++bit) {
    P256Lane lane = good;
    auto* const octets = reinterpret_cast<uint8_t*>(&lane);
    octets[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    EXPECT_FALSE(Agree(lane, false)) << bit;
  }
}

TEST_F(P256LanesTest, RefusesNumbersOutOfRange) {
  const Number p = Field();
  Number above(BN_dup(Order()));
  ASSERT_TRUE(BN_add_word(above.get(), 1));
  const Number bad[] = {FromWord(0), Number(BN_dup(Order())), std::move(above),
                        Number(BN_dup(p.get()))};
  for (const Number& number : bad) {
    P256Lane lane = GoodLane();
    Put(number.get(), lane.r);
    EXPECT_FALSE(Agree(lane, false));
    lane = GoodLane();
    Put(number.get(), lane.s);
    EXPECT_FALSE(Agree(lane, false));
    Put(number.get(), lane.r);
    EXPECT_FALSE(Agree(lane, false));
  }
  P256Lane lane = GoodLane();
  std::memset(lane.r, 0xff, sizeof(lane.r));
  EXPECT_FALSE(Agree(lane, false));
  lane = GoodLane();
  std::swap(lane.r, lane.s);
  EXPECT_FALSE(Agree(lane, false));
}

// r is the x coordinate modulo the order: x itself is not r.
TEST_F(P256LanesTest, RefusesAnUnreducedR) {
  Number sum(BN_new());
  for (int i = 0; i < 100; ++i) {
    P256Lane lane = GoodLane();
    ASSERT_TRUE(BN_add(sum.get(), Read(lane.r).get(), Order()));
    if (BN_num_bits(sum.get()) <= 256) {
      Put(sum.get(), lane.r);
      EXPECT_FALSE(Agree(lane, false));
    }
  }
}

TEST_F(P256LanesTest, NegatedSIsAsGood) {
  P256Lane lane = GoodLane();
  Put(Negated(Read(lane.s).get()).get(), lane.s);
  EXPECT_TRUE(Agree(lane, true));
}

// Only a signer can bring these about. crypto_mb may fail to see that it adds
// equal points, which refuses the signature; what counts is that it never
// accepts a wrong one.
TEST_F(P256LanesTest, SumsOfEqualAndOppositePoints) {
  int seen = 0;
  constexpr int kRounds = 500;
  for (int i = 0; i < kRounds; ++i) {
    const Number d = RandomScalar();
    const Point key = BaseTimes(d.get());
    const Number u1 = RandomScalar();
    const Number u2 = Times(u1.get(), Inverse(d.get()).get());
    seen += Agree(Craft(key.get(), u1.get(), u2.get()), true) ? 1 : 0;
    EXPECT_FALSE(
        Agree(Craft(key.get(), u1.get(), Negated(u2.get()).get()), false));
  }
  RecordProperty("equal_points_accepted", seen);
}

// With u2 = -2 the last step of the multiplication adds equal points. If that
// were lost, u1 * G alone would be compared, which anybody can make fit.
TEST_F(P256LanesTest, AnEqualPointOnTheWayIsNotLost) {
  const Number minus_two = OrderMinus(2);
  for (int i = 0; i < 2000; ++i) {
    const Point key = BaseTimes(RandomScalar().get());
    const Number u1 = RandomScalar();
    const Point half = BaseTimes(u1.get());
    Number r(BN_new());
    ASSERT_TRUE(EC_POINT_get_affine_coordinates_GFp(
        Group(), half.get(), r.get(), nullptr, Context()));
    ASSERT_TRUE(BN_nnmod(r.get(), r.get(), Order(), Context()));
    const Number s = Times(r.get(), Inverse(minus_two.get()).get());
    P256Lane lane;
    PutKey(key.get(), lane);
    Put(r.get(), lane.r);
    Put(s.get(), lane.s);
    Put(Times(u1.get(), s.get()).get(), lane.digest);
    EXPECT_FALSE(Agree(lane, false));
  }
}

TEST_F(P256LanesTest, ScalarsAtTheEdges) {
  std::vector<Number> edges;
  for (uint64_t word = 1; word <= 33; ++word) {
    edges.push_back(FromWord(word));
    edges.push_back(OrderMinus(word));
  }
  for (int bits = 4; bits < 256; bits += 4) {
    Number power = FromWord(1);
    ASSERT_TRUE(BN_lshift(power.get(), power.get(), bits));
    edges.push_back(std::move(power));
  }
  const Number minus_two = OrderMinus(2);
  for (const Number& edge : edges) {
    // Left to BoringSSL: see p256_lanes.cc.
    const bool lane_takes_u2 = BN_cmp(edge.get(), minus_two.get()) != 0;
    for (int i = 0; i < 20; ++i) {
      const Point key = BaseTimes(RandomScalar().get());
      EXPECT_TRUE(
          Agree(Craft(key.get(), edge.get(), RandomScalar().get()), true));
      EXPECT_EQ(Agree(Craft(key.get(), RandomScalar().get(), edge.get()), true),
                lane_takes_u2);
      EXPECT_EQ(Agree(Craft(key.get(), edge.get(), edge.get()), true),
                lane_takes_u2);
    }
  }
  const Point key = BaseTimes(RandomScalar().get());
  // A digest of zero is one that crypto_mb is not made for.
  Agree(Craft(key.get(), FromWord(0).get(), RandomScalar().get()), true);
}

TEST_F(P256LanesTest, KeysAtTheEdges) {
  // G, -G, small multiples, and the point with x = 0.
  for (const Number& d :
       {FromWord(1), FromWord(2), FromWord(3), OrderMinus(1), OrderMinus(2)}) {
    const Point key = BaseTimes(d.get());
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(Agree(
          Craft(key.get(), RandomScalar().get(), RandomScalar().get()), true));
    }
  }
  Point key(EC_POINT_new(Group()));
  for (const int y_bit : {0, 1}) {
    uint8_t compressed[1 + kP256Octets] = {static_cast<uint8_t>(2 + y_bit)};
    ASSERT_TRUE(EC_POINT_oct2point(Group(), key.get(), compressed,
                                   sizeof(compressed), nullptr));
    Agree(Craft(key.get(), RandomScalar().get(), RandomScalar().get()), true);
  }
}

// BoringSSL reduces a digest that is not below the order.
TEST_F(P256LanesTest, LargeDigests) {
  Number digest(BN_new());
  for (int i = 0; i < 20; ++i) {
    const Number d = RandomScalar();
    const Point key = BaseTimes(d.get());
    // Small enough that the order can be added: s = (e + r * d) / k.
    const Number k = RandomScalar();
    const Number e = FromWord(static_cast<uint64_t>(i) + 1);
    P256Lane lane = Craft(key.get(), k.get(), FromWord(1).get());
    const Point nonce = BaseTimes(k.get());
    Number r(BN_new());
    ASSERT_TRUE(EC_POINT_get_affine_coordinates_GFp(Group(), nonce.get(),
                                                    r.get(), nullptr, nullptr));
    ASSERT_TRUE(BN_nnmod(r.get(), r.get(), Order(), Context()));
    Number s = Times(r.get(), d.get());
    ASSERT_TRUE(BN_mod_add(s.get(), s.get(), e.get(), Order(), Context()));
    Put(r.get(), lane.r);
    Put(Times(s.get(), Inverse(k.get()).get()).get(), lane.s);
    Put(e.get(), lane.digest);
    EXPECT_TRUE(Agree(lane, true));
    ASSERT_TRUE(BN_add(digest.get(), e.get(), Order()));
    Put(digest.get(), lane.digest);
    Agree(lane, true);
  }
}

TEST_F(P256LanesTest, LanesFullOfNoise) {
  for (int i = 0; i < 500; ++i) {
    std::vector<P256Lane> lanes(kP256Lanes);
    RAND_bytes(reinterpret_cast<uint8_t*>(lanes.data()),
               lanes.size() * sizeof(P256Lane));
    EXPECT_EQ(VerifyP256Lanes(lanes), 0);
  }
  std::vector<P256Lane> zeros(kP256Lanes, P256Lane{});
  EXPECT_EQ(VerifyP256Lanes(zeros), 0);
}

}  // namespace
}  // namespace birthmark::crypto
