// CRL writing and reading (RFC 5280 5). CRLs of one shard each: the scope of a
// CRL is the certificates that name its URI in their distribution point.
// A delta CRL (5.2.4) says what has changed in its shard since a complete one.
#ifndef BIRTHMARK_LIB_X509_CRL_H_
#define BIRTHMARK_LIB_X509_CRL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/crypto/public_key.h"
#include "lib/x509/crl_entries.h"
#include "lib/x509/extension.h"
#include "lib/x509/name.h"

namespace birthmark::x509 {

// CrlShardUri returns where the CRL of `shard` is found, the same in the
// certificates and in the CRL: "<base>/<shard>.crl".
std::string CrlShardUri(absl::string_view base_uri, int shard);

// CrlDeltaUri returns where the delta CRL of `shard` is found:
// "<base>/<shard>-delta.crl".
std::string CrlDeltaUri(absl::string_view base_uri, int shard);

// CrlSpec is the content of a CRL.
struct CrlSpec {
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  std::string issuer_name_der;
  std::string issuer_key_id;
  // CRLNumber: grows with every CRL of the shard.
  uint64_t number = 0;
  absl::Time this_update;
  absl::Time next_update;
  // fullName of the critical issuingDistributionPoint. Empty: no such
  // extension, the CRL covers all of the issuer's certificates. A delta CRL
  // has that of the complete CRL.
  std::string shard_uri;
  // Present: this is a delta CRL, and says what has changed since the complete
  // CRL of this number, which is at most `number`.
  std::optional<uint64_t> base_number;
  // Where the delta CRL is (freshestCRL). Empty: no such extension, which a
  // delta CRL never has (RFC 5280 5.2.6).
  std::string freshest_uri;
  // In ascending order of the serials, each of which stands only once.
  // removeFromCRL is for delta CRLs alone.
  std::vector<CrlEntry> entries;
};

// BuildCrlTbs returns a TBSCertList, version 2.
// kInvalidArgument / CRL_INVALID, metadata field.
absl::StatusOr<std::string> BuildCrlTbs(const CrlSpec& spec);

class Crl;

// BuildNextCrlTbs returns the complete CRL that follows `previous`: its
// entries, copied as they are, without those of `removed` (serials in any
// order; ones that it lacks are passed over), and with those of spec.entries,
// which replace entries of the same serial. Octet by octet what BuildCrlTbs
// makes of all the entries, in time linear in their number.
// kInvalidArgument / CRL_INVALID, metadata field: as BuildCrlTbs; field
// `previous` if it is a delta, not in ascending order, or of another issuer or
// shard than `spec`; field `removed` if a serial is in spec.entries too.
absl::StatusOr<std::string> BuildNextCrlTbs(
    const CrlSpec& spec, const Crl& previous,
    absl::Span<const std::string> removed);

// AssembleCrl puts a TBSCertList and its signature together.
// kInvalidArgument / CRL_INVALID if either is empty.
absl::StatusOr<std::string> AssembleCrl(absl::string_view tbs,
                                        crypto::SignatureAlgorithm algorithm,
                                        absl::string_view signature);

// CrlFields is what Crl::Parse finds. Views point into `der`.
struct CrlFields {
  std::string der;
  absl::string_view tbs;
  absl::string_view issuer_der;
  DistinguishedName issuer;
  absl::Time this_update;
  absl::Time next_update;
  std::string authority_key_id;
  // CRLNumber: content octets, and the value if it fits.
  std::string number_octets;
  std::optional<uint64_t> number;
  // BaseCRLNumber. Present: a delta CRL, which on its own says nothing of
  // certificates that it does not name.
  std::optional<uint64_t> base_number;
  // URIs of the issuingDistributionPoint; empty if there is none.
  std::vector<std::string> shard_uris;
  std::vector<std::string> freshest_uris;  // freshestCRL
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  absl::string_view signature;
  size_t entry_count = 0;
  // Whether the serials ascend, as they do in all CRLs that are built here.
  bool ascending = true;
};

// Crl is immutable, cheap to copy and thread-safe.
class Crl {
 public:
  static constexpr size_t kDefaultLimit = size_t{64} << 20;

  // Parse reads one CRL in strict DER, version 2 with AKI and CRL number, no
  // serial twice. Delta CRLs are read too: see is_delta. Indirect CRLs and
  // critical extensions that it does not know are refused. The signature is
  // not verified. kInvalidArgument / CRL_MALFORMED, metadata where.
  static absl::StatusOr<Crl> Parse(absl::string_view der,
                                   size_t limit = kDefaultLimit);

  const CrlFields& fields() const;
  const CrlFields* operator->() const { return &fields(); }
  bool is_delta() const { return fields().base_number.has_value(); }
  std::string ToPem() const;

  // Entries goes through the entries in the order of the file, without an
  // allocation. It must not outlive the CRL.
  //   CrlEntryReader entries = crl.Entries();
  //   for (CrlEntryView entry; entries.Next(&entry);) ...
  CrlEntryReader Entries() const { return CrlEntryReader(entries_der()); }
  // The content of revokedCertificates, "" if there are none.
  absl::string_view entries_der() const;

  // Find returns the entry of `serial` (octets), or nothing. The views live as
  // long as any copy of the CRL.
  std::optional<CrlEntryView> Find(absl::string_view serial) const;

  // VerifySignatureBy checks the signature with `issuer_key`.
  // kUnauthenticated / CRL_SIGNATURE_INVALID.
  absl::Status VerifySignatureBy(const crypto::PublicKey& issuer_key) const;

 private:
  struct Data;
  explicit Crl(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CRL_H_
