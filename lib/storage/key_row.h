#ifndef BIRTHMARK_LIB_STORAGE_KEY_ROW_H_
#define BIRTHMARK_LIB_STORAGE_KEY_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace birthmark::storage {

// The values of these enums are stored; they never change.
enum class KeyUsage : int16_t { kIdevid = 1, kLdevid = 2, kClient = 3 };
enum class KeyState : int16_t { kActive = 1, kRetired = 2, kBlocked = 3 };
enum class KeyAlgorithm : int16_t {
  kP256 = 1,
  kP384 = 2,
  kEd25519 = 3,
  kRsa = 4
};

// As who enrolled the key said.
enum class KeyProtection : int16_t {
  kNotSaid = 0,
  kSoftware = 1,
  kSecureElement = 2,
  kTpm = 3
};

// KeyRow is a row of `keys`: a key that somebody had certified, and the serial
// number reserved for its one certificate.
struct KeyRow {
  std::string spki_sha256;  // 32 octets
  std::string device_uid;   // empty: a line's or an operator's
  std::string owner;        // resource name
  KeyUsage usage = KeyUsage::kIdevid;
  KeyState state = KeyState::kActive;
  KeyAlgorithm algorithm = KeyAlgorithm::kP256;
  int bits = 256;
  std::string serial;  // 16 octets
  std::string profile;
  absl::Time create_time;
  std::optional<absl::Time> retire_time;
  KeyProtection protection = KeyProtection::kNotSaid;
  // Only filled by reads.
  std::optional<absl::Time> first_use_time;
  std::optional<absl::Time> last_use_time;  // to five minutes
  // The issuer of the certificate that was issued for it; empty if none was.
  // Only filled by reads.
  std::string issuer_id;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_KEY_ROW_H_
