// crl_internal is what the reading and the writing of CRLs share. Internal to
// lib/x509.
#ifndef BIRTHMARK_LIB_X509_CRL_INTERNAL_H_
#define BIRTHMARK_LIB_X509_CRL_INTERNAL_H_

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/x509/crl.h"
#include "lib/x509/der.h"

namespace birthmark::x509::internal {

// ReadCrlEntrySerial takes one entry off `entries`: the whole of it, its
// serial without the sign octet, and what follows the serial.
bool ReadCrlEntrySerial(CBS* entries, absl::string_view* der,
                        absl::string_view* serial, CBS* rest);

// How many octets an entry usually has.
inline constexpr size_t kUsualCrlEntrySize = 48;

// CrlInvalid is kInvalidArgument / CRL_INVALID with `field`.
absl::Status CrlInvalid(absl::string_view field, absl::string_view what);

// CheckCrlSpec says whether `spec` can be written.
absl::Status CheckCrlSpec(const CrlSpec& spec);

// AddCrlEntry appends one entry.
bool AddCrlEntry(CBB* entries, const CrlEntry& entry);

// WriteCrlTbs returns the TBSCertList of `spec` around `entries`, which take
// the place of spec.entries: the content of revokedCertificates.
absl::StatusOr<std::string> WriteCrlTbs(const CrlSpec& spec,
                                        absl::string_view entries);

// ForEachExtension reads each Extension of `extensions` once, at least one.
// `handle` returns false if it is malformed, or critical and not known.
template <typename Handle>
bool ForEachExtension(CBS extensions, Handle handle) {
  constexpr size_t kMaxExtensions = 16;
  absl::string_view seen[kMaxExtensions];
  size_t count = 0;
  if (CBS_len(&extensions) == 0) {
    return false;
  }
  while (CBS_len(&extensions) != 0) {
    ExtensionView extension;
    if (count == kMaxExtensions || !ReadExtension(&extensions, &extension) ||
        std::find(seen, seen + count, extension.oid) != seen + count) {
      return false;
    }
    seen[count++] = extension.oid;
    if (!handle(extension)) {
      return false;
    }
  }
  return true;
}

}  // namespace birthmark::x509::internal

#endif  // BIRTHMARK_LIB_X509_CRL_INTERNAL_H_
