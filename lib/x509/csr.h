// Csr is a PKCS#10 certification request (RFC 2986), read from hostile bytes.
#ifndef BIRTHMARK_LIB_X509_CSR_H_
#define BIRTHMARK_LIB_X509_CSR_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/verify_job.h"
#include "lib/x509/extension.h"
#include "lib/x509/general_names.h"
#include "lib/x509/name.h"

namespace birthmark::x509 {

// Csr is immutable, cheap to copy and thread-safe.
class Csr {
 public:
  static constexpr size_t kDefaultLimit = size_t{16} << 10;

  // Parse reads one request in strict DER: minimal lengths and integers, no
  // indefinite lengths, nothing after it. Reads version, subject, key,
  // attributes and signature; an attribute or requested extension may stand
  // only once, and the signature algorithm must fit the key. The signature is
  // not verified and the key's quality is not judged.
  // kInvalidArgument:
  //   CSR_TOO_LARGE  longer than `limit`, checked first; metadata limit, size
  //   CSR_MALFORMED  metadata where: the field that is wrong
  // and what crypto::PublicKey::Parse says about the key.
  static absl::StatusOr<Csr> Parse(absl::string_view der,
                                   size_t limit = kDefaultLimit);

  // possession_job is the verification that proves that the sender has the
  // private key. It lives as long as any copy of the request.
  crypto::VerifyJob possession_job() const;
  // PossessionStatus says what the outcome of possession_job means:
  // kInvalidArgument / CSR_SIGNATURE_INVALID if it is false.
  static absl::Status PossessionStatus(bool valid);
  // VerifyProofOfPossession does both, for one request.
  absl::Status VerifyProofOfPossession() const;

  const std::string& der() const;
  const DistinguishedName& subject() const;
  absl::string_view subject_der() const;
  const crypto::PublicKey& public_key() const;
  absl::string_view spki_der() const;
  crypto::SignatureAlgorithm signature_algorithm() const;
  // tbs is the CertificationRequestInfo that the signature covers.
  absl::string_view tbs() const;
  absl::string_view signature() const;
  // requested_extensions are those of extensionRequest (RFC 2985 5.4.2).
  const std::vector<Extension>& requested_extensions() const;
  // subject_alt_names is the requested subjectAltName; empty if there is none.
  const SubjectAltNames& subject_alt_names() const;
  // attribute_types are the types of all attributes, as they came.
  const std::vector<Oid>& attribute_types() const;

 private:
  struct Data;
  explicit Csr(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

// SignFunction signs a message with the private key that its owner keeps.
using SignFunction =
    std::function<absl::StatusOr<std::string>(absl::string_view message)>;

// CsrRequest is what CreateCsr puts into a request.
struct CsrRequest {
  DistinguishedName subject;
  SubjectAltNames subject_alt_names;
};

// CreateCsr builds a request for the key `spki_der` and has it signed by
// `sign`, whose signatures must be of `algorithm`. Fails with NAME_INVALID,
// SAN_INVALID or what `sign` says.
absl::StatusOr<std::string> CreateCsr(const CsrRequest& request,
                                      absl::string_view spki_der,
                                      crypto::SignatureAlgorithm algorithm,
                                      const SignFunction& sign);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CSR_H_
