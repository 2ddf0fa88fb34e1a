// Issuers are those whose certificates this process tells of.

#ifndef BIRTHMARK_SERVICES_STATUS_ISSUERS_H_
#define BIRTHMARK_SERVICES_STATUS_ISSUERS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/x509/certificate.h"
#include "lib/x509/ocsp_cert_id.h"

namespace birthmark::status {

struct Issuer {
  std::string id;
  // Its certificate, then the issuers above it, the root last.
  std::vector<x509::Certificate> chain;
  x509::OcspIssuerHashes hashes;

  const x509::Certificate& certificate() const { return chain.front(); }
  const x509::Certificate& root() const { return chain.back(); }
};

// IssuerChain is an issuer as it is configured.
struct IssuerChain {
  std::string id;
  std::vector<x509::Certificate> chain;
};

// Issuers is immutable and thread-safe. An issuer is known by its place.
class Issuers {
 public:
  // New takes at least one. kInvalidArgument if two share an id or a
  // certificate, or if a chain is empty, not signed link by link, does not end
  // in a self-signed certificate, or begins with one that may not sign.
  static absl::StatusOr<Issuers> New(std::vector<IssuerChain> chains);

  size_t size() const { return issuers_.size(); }
  const Issuer& operator[](size_t place) const { return issuers_[place]; }
  std::vector<Issuer>::const_iterator begin() const { return issuers_.begin(); }
  std::vector<Issuer>::const_iterator end() const { return issuers_.end(); }

  // Find returns the issuer whose hashes a request names.
  std::optional<size_t> Find(const x509::OcspCertId& id) const;
  std::optional<size_t> Find(absl::string_view id) const;

 private:
  explicit Issuers(std::vector<Issuer> issuers)
      : issuers_(std::move(issuers)) {}

  std::vector<Issuer> issuers_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_ISSUERS_H_
