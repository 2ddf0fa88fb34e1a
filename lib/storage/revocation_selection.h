// The certificates of a mass revocation, part by part. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_SELECTION_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_SELECTION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/revocation_job_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// SelectedCertificate is one that the selector names, whatever became of it.
struct SelectedCertificate {
  std::string serial;
  std::string issuer_id;
  int crl_shard = 0;
  absl::Time not_after;
  std::string spki_sha256;
  std::string device_uid;  // empty: not a device's
  bool revoked = false;    // for good
};

// SelectedPart is some of them, and where the next part begins.
struct SelectedPart {
  std::vector<SelectedCertificate> certificates;
  std::string position;
  bool last = false;  // nothing comes after it
};

// SelectPart returns at most `limit` certificates of `selector` from `position`
// on, which is what an earlier part said, or empty. It reads a bounded number
// of rows, so a part may be empty though it is not the last. All parts together
// have every certificate once. May throw what libpqxx throws, and
// std::logic_error for a position that none of ours is.
SelectedPart SelectPart(Session& session, const CertificateSelector& selector,
                        absl::Time issued_before, absl::string_view position,
                        int limit);

// CountSelected counts them all. It changes settings of the transaction that it
// runs in: it may read tables from end to end.
RevocationJobStore::Preview CountSelected(Session& session,
                                          const CertificateSelector& selector,
                                          absl::Time issued_before);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_SELECTION_H_
