// In-memory stores for the tests of the role `ca`. Thread-safe.

#ifndef BIRTHMARK_SERVICES_CA_FAKE_STORES_H_
#define BIRTHMARK_SERVICES_CA_FAKE_STORES_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_store.h"

namespace birthmark::ca {

class FakeCertificateStore : public storage::CertificateStore {
 public:
  absl::StatusOr<std::vector<std::string>> Insert(
      absl::Span<const storage::CertificateRow> rows,
      absl::Span<const audit::Entry> entries) override;
  absl::StatusOr<std::vector<storage::CertificateRow>> Find(
      absl::Span<const std::string> serials) override;
  absl::StatusOr<storage::CertificateRow> Get(
      absl::string_view issuer_id, absl::string_view serial) override;
  absl::StatusOr<std::vector<storage::CertificateRow>> List(
      const storage::CertificateFilter& filter, absl::string_view after,
      int limit) override;

  // FailNext makes the next Insert fail and record nothing.
  void FailNext(absl::Status status);
  // HideNext makes the next Find blind, as if another process had inserted
  // right after it.
  void HideNext();

  std::vector<storage::CertificateRow> rows() const;
  std::vector<audit::Entry> entries() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, storage::CertificateRow> rows_;  // under mutex_
  std::vector<audit::Entry> entries_;                    // under mutex_
  absl::Status fail_next_;                               // under mutex_
  bool hide_next_ = false;                               // under mutex_
};

class FakeCrlStore : public storage::CrlStore {
 public:
  absl::StatusOr<storage::CrlRow> Refresh(absl::string_view issuer_id,
                                          int crl_shard, absl::Time now,
                                          const CrlMaker& maker) override;

  // Revoke adds or replaces a revocation; Forget takes one away.
  void Revoke(const storage::RevocationRow& row);
  void Forget(const std::string& serial);

  std::vector<audit::Entry> entries() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, storage::RevocationRow> revocations_;  // under mutex_
  // By issuer and shard, under mutex_.
  std::map<std::pair<std::string, int>, storage::CrlRow> newest_;
  std::vector<audit::Entry> entries_;  // under mutex_
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_FAKE_STORES_H_
