// chain verifies certificates of our three levels: a leaf, issued by one of
// the given issuers, issued by one of the given roots.
#ifndef BIRTHMARK_LIB_X509_CHAIN_H_
#define BIRTHMARK_LIB_X509_CHAIN_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/x509/certificate.h"

namespace birthmark::x509 {

struct ChainOptions {
  absl::Time at_time;
  // e.g. oids::kClientAuth. Empty: not checked.
  absl::string_view required_eku;
};

struct VerifiedChain {
  Certificate leaf;
  Certificate issuer;
  Certificate root;
  // Which of `issuers` and `roots` these are.
  size_t issuer_index;
  size_t root_index;
};

// VerifyChain checks (RFC 5280 6.1, without policies and revocation) that
// `leaf` was issued by one of `issuers` and that one by one of `roots`: names,
// key identifiers, signatures, validity, CA flag, path length, key usage,
// extended key usage (one that is absent allows all), no unknown critical
// extension, and that the leaf is not a CA. The roots are trusted as they are,
// except for their validity. Thread-safe; it fetches nothing.
// kUnauthenticated:
//   CERTIFICATE_UNKNOWN        no issuer, bad signature, not a CA, ...;
//                              metadata serial, why
//   CERTIFICATE_EXPIRED        after or before its validity; metadata serial,
//                              not_before, not_after
//   CERTIFICATE_USAGE          metadata serial, usage
absl::StatusOr<VerifiedChain> VerifyChain(const Certificate& leaf,
                                          absl::Span<const Certificate> issuers,
                                          absl::Span<const Certificate> roots,
                                          const ChainOptions& options);

// TrustStore is VerifyChain with the issuers checked against the roots once
// and for all, which leaves one signature to verify for each leaf. Immutable
// and thread-safe.
class TrustStore {
 public:
  // New checks every issuer and root (see VerifyRoot), except for validity.
  // kUnauthenticated / CERTIFICATE_UNKNOWN; kInvalidArgument /
  // CERTIFICATE_MALFORMED without any.
  static absl::StatusOr<TrustStore> New(std::vector<Certificate> issuers,
                                        std::vector<Certificate> roots);

  // Verify is VerifyChain with the issuers and roots of this store.
  absl::StatusOr<VerifiedChain> Verify(const Certificate& leaf,
                                       const ChainOptions& options) const;

  const std::vector<Certificate>& issuers() const { return issuers_; }
  const std::vector<Certificate>& roots() const { return roots_; }

 private:
  TrustStore() = default;

  std::vector<Certificate> issuers_;
  std::vector<Certificate> roots_;
  // For each issuer, which root issued it.
  std::vector<size_t> root_of_;
};

// VerifyRoot checks that `root` is a self-signed CA certificate.
// kUnauthenticated / CERTIFICATE_UNKNOWN.
absl::Status VerifyRoot(const Certificate& root);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CHAIN_H_
