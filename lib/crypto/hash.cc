#include "lib/crypto/hash.h"

#include "lib/crypto/byte_casts.h"
#include "openssl/sha.h"

namespace birthmark::crypto {

std::string Sha1(absl::string_view data) {
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  SHA1(AsBytes(data), data.size(), AsBytes(digest));
  return digest;
}

std::string Sha256(absl::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(AsBytes(data), data.size(), AsBytes(digest));
  return digest;
}

std::string Sha384(absl::string_view data) {
  std::string digest(SHA384_DIGEST_LENGTH, '\0');
  SHA384(AsBytes(data), data.size(), AsBytes(digest));
  return digest;
}

std::string Sha512(absl::string_view data) {
  std::string digest(SHA512_DIGEST_LENGTH, '\0');
  SHA512(AsBytes(data), data.size(), AsBytes(digest));
  return digest;
}

}  // namespace birthmark::crypto
