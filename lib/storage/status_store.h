#ifndef BIRTHMARK_LIB_STORAGE_STATUS_STORE_H_
#define BIRTHMARK_LIB_STORAGE_STATUS_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_store.h"

namespace birthmark::storage {

// CertificateStatus is what a verifier may know of a certificate.
struct CertificateStatus {
  std::string serial;  // 16 octets
  std::string issuer_id;
  absl::Time not_after;
  std::optional<RevocationRow> revocation;  // held, revoked or released
};

// ShardStatus is a CRL shard with what is known of its current CRL.
struct ShardStatus {
  std::string issuer_id;
  int crl_shard = 0;
  absl::Time live_until;
  int64_t number = 0;  // 0: it has no CRL yet
  int64_t revision = 0;
  absl::Time this_update;
  absl::Time next_update;
  int entries = 0;
  // The newest change of a revocation of the shard; above `revision` if the CRL
  // lacks it.
  int64_t latest_revision = 0;
};

// StatusStore reads what the role `status` tells. Thread-safe. Every method is
// one transaction.
class StatusStore {
 public:
  virtual ~StatusStore() = default;

  struct Statuses {
    // In no order, without serials that were never issued. One that was
    // revoked counts as issued (a restored database may have lost the rest).
    std::vector<CertificateStatus> certificates;
    // Every change up to this revision is in them.
    int64_t revision = 0;
  };
  virtual absl::StatusOr<Statuses> Find(
      absl::Span<const std::string> serials) = 0;

  // ListShards returns the shards on which a certificate may still be valid at
  // `now`, or was at the shard's last CRL.
  virtual absl::StatusOr<std::vector<ShardStatus>> ListShards(
      absl::Time now) = 0;

  // ReadCrl returns the current CRL of a shard. kNotFound /
  // CRL_SHARD_NOT_FOUND.
  virtual absl::StatusOr<CrlRow> ReadCrl(absl::string_view issuer_id,
                                         int crl_shard) = 0;

  // ShardTruth is one CRL and what ought to be on it, read at one moment.
  struct ShardTruth {
    CrlRow crl;
    // Serials that are held or revoked and whose certificates had not expired
    // before crl.expired_before, in order: but for those in `changed`, just
    // these must be on the CRL.
    std::vector<std::string> revoked;
    // Serials that changed after crl.revision, in order: the CRL may be either
    // way about them.
    std::vector<std::string> changed;
  };
  virtual absl::StatusOr<ShardTruth> ReadTruth(absl::string_view issuer_id,
                                               int crl_shard) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_STATUS_STORE_H_
