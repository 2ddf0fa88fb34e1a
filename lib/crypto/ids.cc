#include "lib/crypto/ids.h"

#include <cstddef>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"

namespace birthmark::crypto {
namespace {

// The generator reseeds itself from the processor at every call, which takes a
// microsecond, and a certificate takes half a dozen identifiers: they share a
// call. Identifiers are unpredictable but no secrets; what was handed out is
// not kept.
std::string IdBytes(size_t size) {
  constexpr size_t kPool = 1024;
  thread_local std::string pool;
  if (pool.size() < size) {
    pool = RandomBytes(kPool);
  }
  std::string bytes = pool.substr(pool.size() - size);
  pool.resize(pool.size() - size);
  return bytes;
}

}  // namespace

std::string NewUid(Clock& clock) {
  return FormatUid(clock.Now(), IdBytes(kUidRandomBytes));
}

std::string NewRequestId() { return FormatRequestId(IdBytes(16)); }

std::string RandomSerialSource::Next() {
  std::string serial;
  AppendUint64(static_cast<uint64_t>(absl::ToUnixMillis(clock_.Now())) << 16,
               serial);
  serial.resize(6);
  return HexEncode(serial + IdBytes(10));
}

std::string KeyId(absl::string_view spki_der) {
  return HexEncode(Sha256(spki_der));
}

}  // namespace birthmark::crypto
