#ifndef BIRTHMARK_LIB_STORAGE_FAKE_CERTIFICATE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_CERTIFICATE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/fake_database.h"

namespace birthmark::storage {

// FakeCertificateStore is the CertificateStore in memory, for tests. `database`
// must outlive it.
class FakeCertificateStore : public CertificateStore {
 public:
  explicit FakeCertificateStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<std::vector<std::string>> Insert(
      absl::Span<const CertificateRow> rows,
      absl::Span<const audit::Entry> entries) override;
  absl::StatusOr<std::vector<CertificateRow>> Find(
      absl::Span<const std::string> serials) override;
  absl::StatusOr<CertificateRow> Get(absl::string_view issuer_id,
                                     absl::string_view serial) override;
  absl::StatusOr<std::vector<CertificateRow>> List(
      const CertificateFilter& filter, absl::string_view after,
      int limit) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_CERTIFICATE_STORE_H_
