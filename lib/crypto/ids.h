// Ids that need chance: device uids, request ids, certificate serial numbers.
// Thread-safe.

#ifndef BIRTHMARK_LIB_CRYPTO_IDS_H_
#define BIRTHMARK_LIB_CRYPTO_IDS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/base/clock.h"

namespace birthmark::crypto {

// NewUid returns a fresh UUIDv7 in lower-case text.
std::string NewUid(Clock& clock);

// NewRequestId returns a fresh UUIDv4 in lower-case text.
std::string NewRequestId();

// SerialSource gives certificate serial numbers. Implementations are
// thread-safe.
class SerialSource {
 public:
  virtual ~SerialSource() = default;

  // Next returns a serial number in lower-case hex, 32 characters.
  virtual std::string Next() = 0;
};

// RandomSerialSource makes serials of 16 octets: the milliseconds of the clock
// in 48 bits, big-endian, then 80 random bits. Positive in DER until the year
// 6429. `clock` must outlive it.
class RandomSerialSource : public SerialSource {
 public:
  explicit RandomSerialSource(Clock& clock) : clock_(clock) {}
  std::string Next() override;

 private:
  Clock& clock_;
};

// KeyId returns the id of a public key: lower-case hex SHA-256 of its SPKI DER.
std::string KeyId(absl::string_view spki_der);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_IDS_H_
