#ifndef BIRTHMARK_SERVICES_CA_CRL_ISSUER_H_
#define BIRTHMARK_SERVICES_CA_CRL_ISSUER_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/storage/crl_shard_store.h"
#include "lib/storage/crl_store.h"
#include "services/ca/issuer.h"
#include "services/ca/metrics.h"

namespace birthmark::ca {

inline constexpr absl::Duration kDefaultCrlLifetime = absl::Hours(24);

// CrlIssuer keeps the CRLs current. Thread-safe. All that the constructor is
// given by reference must outlive it.
class CrlIssuer {
 public:
  CrlIssuer(storage::CrlStore& crls, storage::CrlShardStore& shards,
            absl::Duration lifetime, Clock& clock, Metrics& metrics)
      : crls_(crls),
        shards_(shards),
        lifetime_(lifetime),
        clock_(clock),
        metrics_(metrics) {}

  // Current returns the CRL of a shard, with every revocation that was
  // committed before the call. The newest one serves if nothing of the shard
  // changed since and it is less than half its life old; else one is signed and
  // committed with its audit entry, in the name of `caller`, and a delta CRL
  // with it if the issuer has them. It is made from the newest one and what
  // changed, or whole if half of the life is over or that fails. Shard 0 is
  // there before its first certificate. kNotFound / CRL_SHARD_NOT_FOUND; fails
  // as storage::CrlStore::Refresh and Issuer::SignCrl do.
  absl::StatusOr<storage::CrlRow> Current(const Issuer& issuer, int shard,
                                          absl::string_view caller);

 private:
  // What is to be done, and what came of it.
  struct Task;

  absl::StatusOr<storage::CrlRow> Refresh(Task& task);
  std::optional<storage::CrlStore::Request> Plan(
      Task& task, const std::optional<storage::CrlRow>& newest,
      int64_t latest_revision) const;
  absl::StatusOr<storage::CrlStore::MadeCrl> Make(
      Task& task, const storage::CrlStore::Changes& changes) const;
  static absl::Status Failed(Task& task, const absl::Status& status);
  void Count(const Task& task, const storage::CrlRow& row);

  storage::CrlStore& crls_;
  storage::CrlShardStore& shards_;
  const absl::Duration lifetime_;
  Clock& clock_;
  Metrics& metrics_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_CRL_ISSUER_H_
