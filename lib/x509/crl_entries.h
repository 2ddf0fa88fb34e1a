// The entries of a CRL (RFC 5280 5.1.2.6 and 5.3), to be written and as read.
#ifndef BIRTHMARK_LIB_X509_CRL_ENTRIES_H_
#define BIRTHMARK_LIB_X509_CRL_ENTRIES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/x509/extension.h"

namespace birthmark::x509 {

struct CrlEntry {
  // The certificate's serial, big-endian octets (serial.h).
  std::string serial;
  absl::Time revocation_time;
  RevocationReason reason = RevocationReason::kUnspecified;  // left out if so
  std::optional<absl::Time> invalidity_time;
};

// CrlEntryView is an entry as it stands in a CRL.
struct CrlEntryView {
  absl::string_view der;     // the whole entry
  absl::string_view serial;  // without the sign octet of DER
  absl::Time revocation_time;
  RevocationReason reason = RevocationReason::kUnspecified;
  std::optional<absl::Time> invalidity_time;
};

// CrlEntryReader goes through entries one by one. Copies go on independently.
class CrlEntryReader {
 public:
  // `entries` is the content of revokedCertificates and must outlive the
  // reader.
  explicit CrlEntryReader(absl::string_view entries) : rest_(entries) {}

  // Next reads the next entry. False at the end, and from a malformed one on:
  // then failed() is true. The entries of a Crl are known to be good.
  bool Next(CrlEntryView* entry);
  bool failed() const { return failed_; }

 private:
  absl::string_view rest_;
  bool failed_ = false;
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CRL_ENTRIES_H_
