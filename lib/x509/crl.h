// CRL writing and reading (RFC 5280 5). Complete CRLs of one shard each: the
// scope of a CRL is the certificates that name its URI in their distribution
// point.
#ifndef BIRTHMARK_LIB_X509_CRL_H_
#define BIRTHMARK_LIB_X509_CRL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/public_key.h"
#include "lib/x509/extension.h"
#include "lib/x509/name.h"

namespace birthmark::x509 {

// CrlShardUri returns where the CRL of `shard` is found, the same in the
// certificates and in the CRL: "<base>/<shard>.crl".
std::string CrlShardUri(absl::string_view base_uri, int shard);

struct CrlEntry {
  // The certificate's serial, big-endian octets (serial.h).
  std::string serial;
  absl::Time revocation_time;
  RevocationReason reason = RevocationReason::kUnspecified;  // left out if so
  std::optional<absl::Time> invalidity_time;
};

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
  // extension, the CRL covers all of the issuer's certificates.
  std::string shard_uri;
  // In the order in which they shall stand. A serial may stand only once.
  std::vector<CrlEntry> entries;
};

// BuildCrlTbs returns a TBSCertList, version 2.
// kInvalidArgument / CRL_INVALID.
absl::StatusOr<std::string> BuildCrlTbs(const CrlSpec& spec);

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
  // URIs of the issuingDistributionPoint; empty if there is none.
  std::vector<std::string> shard_uris;
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  absl::string_view signature;
  // In the order of the file.
  std::vector<CrlEntry> entries;
};

// Crl is immutable, cheap to copy and thread-safe.
class Crl {
 public:
  static constexpr size_t kDefaultLimit = size_t{64} << 20;

  // Parse reads one complete CRL in strict DER, version 2 with AKI and CRL
  // number. Delta CRLs, indirect CRLs and critical extensions that it does not
  // know are refused. The signature is not verified.
  // kInvalidArgument / CRL_MALFORMED, metadata where.
  static absl::StatusOr<Crl> Parse(absl::string_view der,
                                   size_t limit = kDefaultLimit);

  const CrlFields& fields() const;
  const CrlFields* operator->() const { return &fields(); }
  std::string ToPem() const;

  // Find returns the entry of `serial` (octets), or null.
  const CrlEntry* Find(absl::string_view serial) const;

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
