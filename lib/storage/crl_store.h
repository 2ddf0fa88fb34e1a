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

// DeltaRow is the delta half of a row of `crls`.
struct DeltaRow {
  // The complete CRL that it is to be added to.
  int64_t base_number = 0;
  int64_t base_revision = 0;
  absl::Time base_time;
  int entries = 0;
  std::string crl_der;
};

// CrlRow is a row of `crls`: the current CRL of a shard.
struct CrlRow {
  std::string issuer_id;
  int crl_shard = 0;
  int64_t number = 0;
  // Every change of a revocation up to this revision is on it.
  int64_t revision = 0;
  absl::Time this_update;
  absl::Time next_update;
  // Certificates that expired before this have left it.
  absl::Time expired_before;
  int entries = 0;
  std::string crl_der;
  std::optional<DeltaRow> delta;
};

// CrlStore keeps the current CRL of each shard. Thread-safe. Every method is
// one transaction.
class CrlStore {
 public:
  virtual ~CrlStore() = default;

  // Changes is what a new CRL is made from.
  struct Changes {
    // The CRL so far; nothing before the first one.
    std::optional<CrlRow> newest;
    // What the new one must say that it includes.
    int64_t revision = 0;
    // With `newest`: the present state of what changed after its revision and
    // has not expired before `expired_before` of Request, one row a
    // certificate, in order of serial. Without, or if the whole was asked
    // for: every revocation of the shard that is held or revoked and has not
    // expired before `expired_before` of Request.
    std::vector<RevocationRow> changed;
    bool whole = false;
    // With `newest`, unless `whole`: serials that were revoked and whose
    // certificates expired in [newest->expired_before, expired_before of
    // Request). They leave the CRL and are not in `changed`.
    std::vector<std::string> expired;
    // The present state of what changed after `base_revision` of Request and
    // has not expired before `expired_before`, in order of serial.
    std::vector<RevocationRow> since_base;
  };

  // Request says what a maker needs to see.
  struct Request {
    bool whole = false;
    absl::Time expired_before;
    std::optional<int64_t> base_revision;
  };

  // MadeCrl is a new CRL with the audit entry that records it.
  struct MadeCrl {
    CrlRow row;
    Mutation mutation;
  };

  // Plan gets the newest CRL without its octets, if there is one, and the
  // newest revision of the shard. It says what a new CRL needs, or nothing if
  // the newest will do.
  using Plan = std::function<std::optional<Request>(
      const std::optional<CrlRow>& newest, int64_t latest_revision)>;
  using Maker = std::function<absl::StatusOr<MadeCrl>(const Changes&)>;

  // Refresh lets one caller at a time per shard, across all processes, plan and
  // make (under a transaction-scoped advisory lock), stores what was made and
  // returns the CRL that is current then, with its octets. Every revocation
  // that was committed before the call is seen. Fails with what `maker` failed
  // with, and with kNotFound / CRL_SHARD_NOT_FOUND.
  virtual absl::StatusOr<CrlRow> Refresh(absl::string_view issuer_id,
                                         int crl_shard, const Plan& plan,
                                         const Maker& maker) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CRL_STORE_H_
