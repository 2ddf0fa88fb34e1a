#ifndef BIRTHMARK_LIB_STORAGE_CERTIFICATE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_CERTIFICATE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"

namespace birthmark::storage {

// Stored; values never change.
enum class RevocationState : int16_t { kHeld = 1, kRevoked = 2, kReleased = 3 };

// RevocationRow is a row of `revocations`.
struct RevocationRow {
  std::string serial;  // 16 octets
  std::string issuer_id;
  int crl_shard = 0;
  absl::Time not_after;  // the certificate's
  RevocationState state = RevocationState::kRevoked;
  int reason = 0;  // RFC 5280, 5.3.1
  std::string actor;
  int64_t version = 2;
  absl::Time revoke_time;
  std::optional<absl::Time> invalidity_time;
  absl::Time update_time;
};

// CertificateRow is a row of `certificates`, with its revocation when read.
struct CertificateRow {
  std::string serial;  // 16 octets
  std::string issuer_id;
  std::string profile;
  int profile_version = 0;
  std::string spki_sha256;  // 32 octets
  std::string device_uid;   // empty: not a device's
  std::string fleet_id;     // empty: belongs to no fleet
  int crl_shard = 0;
  absl::Time not_before;
  absl::Time not_after;
  std::string certificate_der;
  absl::Time create_time;
  std::optional<RevocationRow> revocation;  // only filled by reads
};

// CertificateFilter selects certificates; empty fields select all.
struct CertificateFilter {
  std::string issuer_id;
  std::string device_uid;
};

// CertificateStore keeps what was issued. Thread-safe. Every method is one
// transaction and a fixed number of statements.
class CertificateStore {
 public:
  virtual ~CertificateStore() = default;
  // Insert records certificates with one audit entry each, all or none,
  // durably. Returns for each row the certificate recorded under its serial:
  // its own, or that of an earlier call (the row then changes nothing and its
  // entry is not written). One whose key was retired meanwhile is recorded as
  // revoked.
  virtual absl::StatusOr<std::vector<std::string>> Insert(
      absl::Span<const CertificateRow> rows,
      absl::Span<const audit::Entry> entries) = 0;
  // Find returns the certificates with these serials, in no order, without
  // those that do not exist.
  virtual absl::StatusOr<std::vector<CertificateRow>> Find(
      absl::Span<const std::string> serials) = 0;
  // Get returns one. `issuer_id` empty: under any. kNotFound /
  // CERTIFICATE_NOT_FOUND.
  virtual absl::StatusOr<CertificateRow> Get(absl::string_view issuer_id,
                                             absl::string_view serial) = 0;
  // List returns at most `limit` with a serial above `after`, in order of
  // serial.
  virtual absl::StatusOr<std::vector<CertificateRow>> List(
      const CertificateFilter& filter, absl::string_view after, int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CERTIFICATE_STORE_H_
