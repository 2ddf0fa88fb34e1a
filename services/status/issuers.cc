#include "services/status/issuers.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace birthmark::status {
namespace {

absl::Status Invalid(const std::string& id, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("issuer \"", id, "\": ", what));
}

absl::Status CheckChain(const IssuerChain& one) {
  if (one.chain.empty()) {
    return Invalid(one.id, "has no certificate");
  }
  for (size_t i = 0; i < one.chain.size(); ++i) {
    const x509::Certificate& certificate = one.chain[i];
    const x509::Certificate& above =
        one.chain[i + 1 < one.chain.size() ? i + 1 : i];
    if (!certificate.is_ca()) {
      return Invalid(one.id, "a certificate of its chain is not a CA's");
    }
    if (certificate->issuer_der != above->subject_der ||
        !certificate.VerifySignatureBy(above.public_key()).ok()) {
      return Invalid(one.id, i + 1 < one.chain.size()
                                 ? "a certificate of its chain is not signed "
                                   "by the one after it"
                                 : "its chain does not end with a root");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Issuers> Issuers::New(std::vector<IssuerChain> chains) {
  if (chains.empty()) {
    return absl::InvalidArgumentError("there is no issuer");
  }
  std::vector<Issuer> issuers;
  issuers.reserve(chains.size());
  for (IssuerChain& one : chains) {
    BIRTHMARK_RETURN_IF_ERROR(CheckChain(one));
    for (const Issuer& other : issuers) {
      if (other.id == one.id) {
        return Invalid(one.id, "is there twice");
      }
      if (other.certificate()->der == one.chain.front()->der) {
        return Invalid(one.id, "has the certificate of another one");
      }
    }
    Issuer issuer;
    issuer.id = std::move(one.id);
    issuer.hashes = x509::OcspIssuerHashes::Of(one.chain.front());
    issuer.chain = std::move(one.chain);
    issuers.push_back(std::move(issuer));
  }
  return Issuers(std::move(issuers));
}

std::optional<size_t> Issuers::Find(const x509::OcspCertId& id) const {
  for (size_t i = 0; i < issuers_.size(); ++i) {
    if (issuers_[i].hashes.Matches(id)) {
      return i;
    }
  }
  return std::nullopt;
}

std::optional<size_t> Issuers::Find(absl::string_view id) const {
  for (size_t i = 0; i < issuers_.size(); ++i) {
    if (issuers_[i].id == id) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace birthmark::status
