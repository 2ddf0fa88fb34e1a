// ItemFiles is the disk side of provisioning: it reads ID.csr and writes
// ID.pem. Thread-safe for different items.

#ifndef BIRTHMARK_SERVICES_CLI_ITEM_FILES_H_
#define BIRTHMARK_SERVICES_CLI_ITEM_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/cli/provision_plan.h"

namespace birthmark::cli {

struct LoadedCsr {
  std::string der;
  // SHA-256 of the key, to recognise its certificate by. Empty if this program
  // cannot read the CSR: the service says what is wrong with it.
  std::string spki_sha256;
};

class ItemFiles {
 public:
  ItemFiles(std::string csr_dir, std::string out_dir)
      : csr_dir_(std::move(csr_dir)), out_dir_(std::move(out_dir)) {}

  // IsDone tells whether ID.pem holds a certificate for the key of ID.csr. An
  // unreadable ID.pem is no certificate. ALREADY_EXISTS / OUTPUT_MISMATCH if it
  // is for another key: it is never overwritten.
  absl::StatusOr<bool> IsDone(const PlannedItem& item) const;

  // RemoveLeftovers removes what a process that was killed had not yet moved to
  // its ID.pem. Only for who has the folder to himself.
  void RemoveLeftovers() const;

  // Load reads ID.csr, PEM or DER. Fails with what is the item's own fault:
  // CSR_MISSING, CSR_MALFORMED, CSR_TOO_LARGE, FILE_UNUSABLE.
  absl::StatusOr<LoadedCsr> Load(const PlannedItem& item) const;

  // Store writes the certificate and its issuers to ID.pem, atomically.
  // INTERNAL / WRONG_CERTIFICATE if it is not for the CSR's key; FILE_UNUSABLE
  // or DISK_FULL.
  absl::Status Store(const PlannedItem& item, absl::string_view spki_sha256,
                     absl::string_view certificate_der,
                     const std::vector<std::string>& issuers_der) const;

 private:
  std::string CsrPath(const PlannedItem& item) const;
  std::string PemPath(const PlannedItem& item) const;

  const std::string csr_dir_;
  const std::string out_dir_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_ITEM_FILES_H_
