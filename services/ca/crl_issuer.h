#ifndef BIRTHMARK_SERVICES_CA_CRL_ISSUER_H_
#define BIRTHMARK_SERVICES_CA_CRL_ISSUER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/storage/crl_store.h"
#include "lib/x509/crl.h"
#include "services/ca/issuer.h"
#include "services/ca/metrics.h"

namespace birthmark::ca {

inline constexpr absl::Duration kDefaultCrlLifetime = absl::Hours(24);

// CrlIssuer keeps the CRLs current. Thread-safe. All that the constructor is
// given by reference must outlive it.
class CrlIssuer {
 public:
  CrlIssuer(storage::CrlStore& crls, absl::Duration lifetime, Clock& clock,
            Metrics& metrics)
      : crls_(crls), lifetime_(lifetime), clock_(clock), metrics_(metrics) {}

  // Current returns the CRL of a shard, with every revocation that was
  // committed before the call. The newest one serves if it says exactly what a
  // new one would say and is less than half its life old; else one with the
  // next number is signed and committed with its audit entry, in the name of
  // `caller`. kInvalidArgument / INVALID_FIELD for a shard that was never
  // opened; fails as storage::CrlStore::Refresh and Issuer::SignCrl do.
  absl::StatusOr<storage::CrlRow> Current(const Issuer& issuer, int shard,
                                          absl::string_view caller);

 private:
  absl::StatusOr<std::optional<storage::CrlStore::MadeCrl>> Make(
      const Issuer& issuer, int shard, absl::string_view caller, absl::Time now,
      const std::optional<storage::CrlRow>& newest, int64_t next_number,
      const std::vector<storage::RevocationRow>& revocations) const;

  storage::CrlStore& crls_;
  const absl::Duration lifetime_;
  Clock& clock_;
  Metrics& metrics_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_CRL_ISSUER_H_
