// ItemIssuer takes micro-batches of items through the steps of issuance: check
// on all cores, admit in one transaction, have the CA sign, answer.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ITEM_ISSUER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ITEM_ISSUER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/ids.h"
#include "lib/policy/profile.h"
#include "lib/storage/batch_store.h"
#include "services/registration/ca_client.h"
#include "services/registration/csr_check.h"
#include "services/registration/metrics.h"
#include "services/registration/retry.h"

namespace birthmark::registration {

// OpenBatch is a batch that somebody works on. `profile` must outlive it.
struct OpenBatch {
  storage::BatchRow row;
  std::vector<std::string> models;  // of its line
  const policy::Profile* profile = nullptr;
  std::string actor;     // the line's SPIFFE ID
  bool resumed = false;  // some of its items have been issued before

  // name is the batch's resource name.
  std::string name() const;
};

// ItemIssuer is thread-safe. What its constructor takes must outlive it.
class ItemIssuer {
 public:
  using Item = provisioning::v1::IssueBatchRequest::Item;
  using Result = provisioning::v1::IssueBatchResponse::Result;

  ItemIssuer(storage::BatchStore& batches, CaClient& ca,
             crypto::SerialSource& serials, Clock& clock,
             ThreadPool& check_pool, const crypto::BatchVerifier& verifier,
             Metrics& metrics, RetryPolicy retry)
      : batches_(batches),
        ca_(ca),
        serials_(serials),
        clock_(clock),
        check_pool_(check_pool),
        verifier_(verifier),
        metrics_(metrics),
        retry_(retry) {}

  // Issue returns one result for each item, in their order; a certificate in a
  // result is committed. Item ids may repeat: with the same CSR, model and
  // serial number they get the same answer, with others REQUEST_ID_REUSED.
  // Transient faults are retried while `stopped()` is false. If it fails, the
  // batch cannot go on: with what BatchStore::Admit and CaClient::Issue fail
  // with as a whole. Whatever was done by then is found again by a repeat.
  absl::StatusOr<std::vector<Result>> Issue(
      const OpenBatch& batch, const std::vector<Item>& items,
      const std::function<bool()>& stopped) const;

 private:
  struct Work;

  void Check(const OpenBatch& batch, const std::vector<Item>& items,
             Work& work) const;
  storage::AdmissionRequest MakeAdmission(const OpenBatch& batch,
                                          const Item& item,
                                          const std::string& digest,
                                          const CertifiableKey& key) const;
  audit::Entry MakeAlert(const OpenBatch& batch,
                         const storage::AdmissionRequest& request) const;
  absl::Status Admit(const OpenBatch& batch, const std::vector<Item>& items,
                     const std::function<bool()>& stopped, Work& work) const;
  absl::Status RecordFailures(const OpenBatch& batch,
                              const std::vector<Item>& items,
                              const std::function<bool()>& stopped,
                              const Work& work) const;
  absl::Status Sign(const OpenBatch& batch,
                    const std::function<bool()>& stopped, Work& work) const;
  std::vector<Result> Answer(const std::vector<Item>& items,
                             const Work& work) const;

  storage::BatchStore& batches_;
  CaClient& ca_;
  crypto::SerialSource& serials_;
  Clock& clock_;
  ThreadPool& check_pool_;
  const crypto::BatchVerifier& verifier_;
  Metrics& metrics_;
  const RetryPolicy retry_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ITEM_ISSUER_H_
