#ifndef BIRTHMARK_SERVICES_CA_BATCH_ISSUER_H_
#define BIRTHMARK_SERVICES_CA_BATCH_ISSUER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/policy/issuance.h"
#include "lib/storage/certificate_store.h"
#include "services/ca/issuer.h"
#include "services/ca/metrics.h"
#include "services/ca/shard_places.h"

namespace birthmark::ca {

// Requester is who asks, for the audit entries.
struct Requester {
  std::string caller;        // actor of the calling service
  std::string on_behalf_of;  // actor that the caller serves
  // One for each request, empty if it is that actor; or none.
  std::vector<std::string> on_behalf_of_each = {};
  // Nobody asked for any of the serials before: they are not looked up first.
  bool first_attempt = false;
};

// BatchIssuer issues certificates of one profile: what is already recorded is
// answered from the record, the rest is prepared, signed on all cores and
// committed with its audit entries in one transaction. Thread-safe. All that
// the constructor is given by reference must outlive it.
class BatchIssuer {
 public:
  // `places` is the issuer's; certificates of profiles that are on no CRL take
  // none.
  BatchIssuer(const Issuer& issuer, policy::Issuance issuance,
              ShardPlaces& places, storage::CertificateStore& certificates,
              ThreadPool& pool, Clock& clock, Metrics& metrics)
      : issuer_(issuer),
        issuance_(std::move(issuance)),
        places_(places),
        certificates_(certificates),
        pool_(pool),
        clock_(clock),
        metrics_(metrics) {}

  // One for each request, in order: the certificate (DER), committed, or
  //   as policy::Issuance::Prepare
  //   kAlreadyExists / CERTIFICATE_EXISTS  the serial has a certificate for
  //                                        another key, profile or issuer
  using Results = std::vector<absl::StatusOr<std::string>>;

  // Issue fails as a whole, and has recorded nothing, with
  // kFailedPrecondition / ISSUER_NOT_ACTIVE, kUnavailable / SIGNER_OFFLINE or
  // DATABASE_OFFLINE, and kUnknown if the commit is in doubt: the same call
  // again then returns what was recorded.
  absl::StatusOr<Results> Issue(
      absl::Span<const policy::IssuanceRequest> requests,
      const Requester& requester);

  const Issuer& issuer() const { return issuer_; }
  const policy::Profile& profile() const { return issuance_.profile(); }

 private:
  struct Item;
  // Shard is where some of a batch's certificates belong.
  struct Shard {
    int number = 0;
    policy::CrlUris uris;
  };

  absl::Status AnswerRecorded(std::vector<Item>& items);
  absl::Status SignAll(std::vector<Item>& items, absl::Time now,
                       std::vector<Shard>& shards);
  absl::StatusOr<std::vector<Shard>> TakePlaces(const std::vector<Item*>& items,
                                                absl::Time now);
  void SignOne(Item& item, absl::Time now) const;
  absl::Status Commit(std::vector<Item>& items, absl::Time now,
                      const Requester& requester);
  storage::CertificateRow Row(const Item& item, absl::Time now) const;
  audit::Entry Entry(const Item& item, absl::Time now,
                     const Requester& requester) const;
  absl::StatusOr<std::string> Recorded(const storage::CertificateRow& row,
                                       const Item& item) const;
  void Count(const std::vector<Item>& items);

  const Issuer& issuer_;
  const policy::Issuance issuance_;
  ShardPlaces& places_;
  storage::CertificateStore& certificates_;
  ThreadPool& pool_;
  Clock& clock_;
  Metrics& metrics_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_BATCH_ISSUER_H_
