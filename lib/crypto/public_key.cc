#include "lib/crypto/public_key.h"

#include <utility>

#include "absl/status/status.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/byte_casts.h"
#include "lib/crypto/ed25519_point.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/public_key_impl.h"
#include "openssl/bn.h"
#include "openssl/bytestring.h"
#include "openssl/curve25519.h"
#include "openssl/digest.h"
#include "openssl/ec.h"
#include "openssl/ecdsa.h"
#include "openssl/err.h"
#include "openssl/nid.h"
#include "openssl/sha.h"

namespace birthmark::crypto {
namespace {

constexpr int kMinParsedRsaBits = 512;
constexpr int kMaxParsedRsaBits = 8192;
constexpr int kMaxExponentBits = 33;  // BoringSSL computes with no more

template <size_t kSize>
constexpr absl::string_view Der(const char (&literal)[kSize]) {
  return absl::string_view(literal, kSize - 1);
}

// For all but RSA, DER leaves one way to write everything in front of the key's
// own bytes: the headers are compared, not parsed.
struct FixedForm {
  KeyAlgorithm algorithm;
  int bits;
  int nid;
  absl::string_view header;
  size_t size;
};

constexpr FixedForm kP256 = {
    KeyAlgorithm::kP256, 256, NID_X9_62_prime256v1,
    Der("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86"
        "\x48\xce\x3d\x03\x01\x07\x03\x42\x00"),
    91};
constexpr FixedForm kP384 = {
    KeyAlgorithm::kP384, 384, NID_secp384r1,
    Der("\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81"
        "\x04\x00\x22\x03\x62\x00"),
    120};
constexpr FixedForm kEd25519 = {
    KeyAlgorithm::kEd25519, 255, NID_ED25519,
    Der("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), 44};

// AlgorithmIdentifier contents: OIDs as they stand inside their TLV.
constexpr absl::string_view kOidEcPublicKey =
    Der("\x2a\x86\x48\xce\x3d\x02\x01");
constexpr absl::string_view kOidP256 = Der("\x2a\x86\x48\xce\x3d\x03\x01\x07");
constexpr absl::string_view kOidP384 = Der("\x2b\x81\x04\x00\x22");
constexpr absl::string_view kOidEd25519 = Der("\x2b\x65\x70");
constexpr absl::string_view kOidRsa =
    Der("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");

absl::Status Malformed(absl::string_view rule) {
  ERR_clear_error();
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kKeyMalformed,
                   "the public key is malformed", {{"rule", rule}});
}

absl::Status NotAllowed(absl::string_view rule) {
  ERR_clear_error();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kKeyTypeNotAllowed,
      "public keys of this type are not supported", {{"rule", rule}});
}

bool HasForm(absl::string_view spki, const FixedForm& form) {
  return spki.size() == form.size &&
         spki.substr(0, form.header.size()) == form.header;
}

bool Is(const CBS& cbs, absl::string_view bytes) {
  return AsChars(CBS_data(&cbs), CBS_len(&cbs)) == bytes;
}

absl::Status ParseEcPoint(const FixedForm& form, PublicKey::Impl& impl) {
  const absl::string_view point =
      absl::string_view(impl.spki).substr(form.header.size());
  if (point[0] != '\x04') {
    return Malformed("ec_point_encoding");
  }
  impl.ec.reset(EC_KEY_new_by_curve_name(form.nid));
  if (impl.ec == nullptr) {
    return absl::InternalError("cannot set up a curve");
  }
  // Refuses coordinates that are not below p, and points off the curve.
  if (!EC_KEY_oct2key(impl.ec.get(), AsBytes(point), point.size(), nullptr)) {
    return Malformed("ec_point_not_on_curve");
  }
  return absl::OkStatus();
}

// Says what is wrong with an EC key that does not have one of the fixed forms.
absl::Status ExplainEc(CBS parameters, CBS key_bits) {
  CBS curve;
  if (CBS_peek_asn1_tag(&parameters, CBS_ASN1_SEQUENCE)) {
    return Malformed("ec_explicit_parameters");
  }
  if (!CBS_get_asn1(&parameters, &curve, CBS_ASN1_OBJECT) ||
      CBS_len(&parameters) != 0) {
    return Malformed("ec_parameters");
  }
  if (!Is(curve, kOidP256) && !Is(curve, kOidP384)) {
    return NotAllowed("curve");
  }
  uint8_t unused_bits = 0;
  if (!CBS_get_u8(&key_bits, &unused_bits) || unused_bits != 0) {
    return Malformed("bit_string");
  }
  return Malformed("ec_point_encoding");
}

// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
absl::Status ParseRsa(CBS parameters, CBS key_bits, PublicKey::Impl& impl) {
  CBS null;
  if (!CBS_get_asn1(&parameters, &null, CBS_ASN1_NULL) || CBS_len(&null) != 0 ||
      CBS_len(&parameters) != 0) {
    return Malformed("rsa_parameters");
  }
  uint8_t unused_bits = 0;
  if (!CBS_get_u8(&key_bits, &unused_bits) || unused_bits != 0) {
    return Malformed("bit_string");
  }
  impl.key_offset = impl.spki.size() - CBS_len(&key_bits);
  CBS sequence;
  bssl::UniquePtr<BIGNUM> modulus(BN_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  impl.rsa.reset(RSA_new());
  if (modulus == nullptr || exponent == nullptr || impl.rsa == nullptr) {
    return absl::InternalError("cannot set up an RSA key");
  }
  if (!CBS_get_asn1(&key_bits, &sequence, CBS_ASN1_SEQUENCE) ||
      CBS_len(&key_bits) != 0 ||
      !BN_parse_asn1_unsigned(&sequence, modulus.get()) ||
      !BN_parse_asn1_unsigned(&sequence, exponent.get()) ||
      CBS_len(&sequence) != 0) {
    return Malformed("rsa_public_key");
  }
  impl.bits = static_cast<int>(BN_num_bits(modulus.get()));
  if (impl.bits < kMinParsedRsaBits || impl.bits > kMaxParsedRsaBits) {
    return NotAllowed("rsa_modulus_size");
  }
  if (BN_num_bits(exponent.get()) > kMaxExponentBits) {
    return NotAllowed("rsa_exponent_size");
  }
  // RSA_set0_key takes ownership only where it succeeds.
  if (!RSA_set0_key(impl.rsa.get(), modulus.get(), exponent.get(), nullptr)) {
    return Malformed("rsa_public_key");
  }
  modulus.release();
  exponent.release();
  return absl::OkStatus();
}

// Reads everything that has none of the fixed forms: RSA keys, and keys that
// are to be refused with the right reason.
absl::Status ParseAny(PublicKey::Impl& impl) {
  CBS input;
  CBS spki;
  CBS algorithm;
  CBS oid;
  CBS key_bits;
  CBS_init(&input, AsBytes(absl::string_view(impl.spki)), impl.spki.size());
  if (!CBS_get_asn1(&input, &spki, CBS_ASN1_SEQUENCE)) {
    return Malformed("der");
  }
  if (CBS_len(&input) != 0) {
    return Malformed("trailing_bytes");
  }
  if (!CBS_get_asn1(&spki, &algorithm, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&algorithm, &oid, CBS_ASN1_OBJECT) ||
      !CBS_get_asn1(&spki, &key_bits, CBS_ASN1_BITSTRING) ||
      CBS_len(&spki) != 0) {
    return Malformed("der");
  }
  if (Is(oid, kOidRsa)) {
    impl.algorithm = KeyAlgorithm::kRsa;
    return ParseRsa(algorithm, key_bits, impl);
  }
  if (Is(oid, kOidEcPublicKey)) {
    return ExplainEc(algorithm, key_bits);
  }
  if (Is(oid, kOidEd25519)) {
    return Malformed(CBS_len(&algorithm) != 0 ? "ed25519_parameters"
                                              : "ed25519_not_canonical");
  }
  return NotAllowed("algorithm");
}

absl::Status ParseInto(PublicKey::Impl& impl) {
  for (const FixedForm* form : {&kP256, &kP384}) {
    if (HasForm(impl.spki, *form)) {
      impl.algorithm = form->algorithm;
      impl.bits = form->bits;
      impl.key_offset = form->header.size();
      return ParseEcPoint(*form, impl);
    }
  }
  if (HasForm(impl.spki, kEd25519)) {
    impl.algorithm = kEd25519.algorithm;
    impl.bits = kEd25519.bits;
    impl.key_offset = kEd25519.header.size();
    const absl::string_view fault =
        Ed25519PointFault(absl::string_view(impl.spki).substr(impl.key_offset));
    return fault.empty() ? absl::OkStatus() : Malformed(fault);
  }
  return ParseAny(impl);
}

// A digest on the stack, and what RSA_verify calls the hash.
struct Digest {
  uint8_t bytes[SHA512_DIGEST_LENGTH];
  size_t size;
  int nid;
};

Digest DigestFor(SignatureAlgorithm algorithm, absl::string_view message) {
  Digest digest;
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaSha384:
    case SignatureAlgorithm::kRsaPkcs1Sha384:
      SHA384(AsBytes(message), message.size(), digest.bytes);
      digest.size = SHA384_DIGEST_LENGTH;
      digest.nid = NID_sha384;
      return digest;
    case SignatureAlgorithm::kEcdsaSha512:
    case SignatureAlgorithm::kRsaPkcs1Sha512:
      SHA512(AsBytes(message), message.size(), digest.bytes);
      digest.size = SHA512_DIGEST_LENGTH;
      digest.nid = NID_sha512;
      return digest;
    case SignatureAlgorithm::kEcdsaSha256:
    case SignatureAlgorithm::kEd25519:  // hashes by itself
    case SignatureAlgorithm::kRsaPkcs1Sha256:
    case SignatureAlgorithm::kRsaPssSha256:
      break;
  }
  SHA256(AsBytes(message), message.size(), digest.bytes);
  digest.size = SHA256_DIGEST_LENGTH;
  digest.nid = NID_sha256;
  return digest;
}

bool VerifyWith(const PublicKey::Impl& impl, SignatureAlgorithm algorithm,
                absl::string_view message, absl::string_view signature) {
  if (impl.algorithm == KeyAlgorithm::kEd25519) {
    return signature.size() == ED25519_SIGNATURE_LEN &&
           ED25519_verify(
               AsBytes(message), message.size(), AsBytes(signature),
               AsBytes(absl::string_view(impl.spki)) + impl.key_offset);
  }
  const Digest digest = DigestFor(algorithm, message);
  if (impl.algorithm != KeyAlgorithm::kRsa) {
    return ECDSA_verify(0, digest.bytes, digest.size, AsBytes(signature),
                        signature.size(), impl.ec.get());
  }
  if (algorithm == SignatureAlgorithm::kRsaPssSha256) {
    const EVP_MD* const sha256 = EVP_sha256();
    return RSA_verify_pss_mgf1(impl.rsa.get(), digest.bytes, digest.size,
                               sha256, sha256, SHA256_DIGEST_LENGTH,
                               AsBytes(signature), signature.size());
  }
  return RSA_verify(digest.nid, digest.bytes, digest.size, AsBytes(signature),
                    signature.size(), impl.rsa.get());
}

}  // namespace

PublicKey::PublicKey(std::shared_ptr<const Impl> impl)
    : impl_(std::move(impl)) {}

absl::StatusOr<PublicKey> PublicKey::Parse(absl::string_view spki_der) {
  if (spki_der.size() > kMaxSpkiBytes) {
    return NotAllowed("size");
  }
  auto impl = std::make_shared<Impl>();
  impl->spki = std::string(spki_der);
  BIRTHMARK_RETURN_IF_ERROR(ParseInto(*impl));
  return PublicKey(std::move(impl));
}

KeyAlgorithm PublicKey::algorithm() const { return impl_->algorithm; }

int PublicKey::bits() const { return impl_->bits; }

absl::string_view PublicKey::spki_der() const { return impl_->spki; }

absl::string_view PublicKey::key_bytes() const {
  return absl::string_view(impl_->spki).substr(impl_->key_offset);
}

std::string PublicKey::Id() const { return HexEncode(Sha256(impl_->spki)); }

bool PublicKey::Verify(SignatureAlgorithm algorithm, absl::string_view message,
                       absl::string_view signature) const {
  if (!Fits(algorithm, impl_->algorithm)) {
    return false;
  }
  const bool valid = VerifyWith(*impl_, algorithm, message, signature);
  if (!valid) {
    // TLS on this thread must not find these errors in the queue.
    ERR_clear_error();
  }
  return valid;
}

}  // namespace birthmark::crypto
