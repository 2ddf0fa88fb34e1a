#include "lib/crypto/ids.h"

#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"

namespace birthmark::crypto {

std::string NewUid(Clock& clock) {
  return FormatUid(clock.Now(), RandomBytes(kUidRandomBytes));
}

std::string NewRequestId() { return FormatRequestId(RandomBytes(16)); }

std::string RandomSerialSource::Next() {
  std::string serial;
  AppendUint64(static_cast<uint64_t>(absl::ToUnixMillis(clock_.Now())) << 16,
               serial);
  serial.resize(6);
  return HexEncode(serial + RandomBytes(10));
}

std::string KeyId(absl::string_view spki_der) {
  return HexEncode(Sha256(spki_der));
}

}  // namespace birthmark::crypto
