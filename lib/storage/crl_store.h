#ifndef BIRTHMARK_LIB_STORAGE_CRL_STORE_H_
#define BIRTHMARK_LIB_STORAGE_CRL_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// CrlRow is a row of `crls`.
struct CrlRow {
  std::string issuer_id;
  int crl_shard = 0;
  int64_t number = 0;
  absl::Time this_update;
  absl::Time next_update;
  int entries = 0;
  std::string crl_der;
};

// CrlStore keeps CRLs. Thread-safe. Every method is one transaction.
class CrlStore {
 public:
  virtual ~CrlStore() = default;
  // MadeCrl is a new CRL with the audit entry that records it.
  struct MadeCrl {
    CrlRow row;
    Mutation mutation;
  };
  // CrlMaker gets the newest CRL, if there is one, its number plus one, and
  // every revocation of the shard that is held or revoked and whose certificate
  // has not expired at `now`. It returns a new CRL, or nothing if the newest
  // will do.
  using CrlMaker = std::function<absl::StatusOr<std::optional<MadeCrl>>(
      const std::optional<CrlRow>& newest, int64_t next_number,
      const std::vector<RevocationRow>& revocations)>;
  // Refresh lets one caller at a time per shard, across all processes, run
  // `maker` (under a transaction-scoped advisory lock), stores what it made and
  // returns the CRL that is current then. Fails with what `maker` failed with.
  virtual absl::StatusOr<CrlRow> Refresh(absl::string_view issuer_id,
                                         int crl_shard, absl::Time now,
                                         const CrlMaker& maker) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CRL_STORE_H_
