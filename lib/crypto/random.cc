#include "lib/crypto/random.h"

#include "lib/crypto/byte_casts.h"
#include "openssl/rand.h"

namespace birthmark::crypto {

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  RAND_bytes(AsBytes(bytes), bytes.size());
  return bytes;
}

}  // namespace birthmark::crypto
