#include "lib/x509/chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/x509/extension.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

absl::Status Unknown(const Certificate& certificate, absl::string_view why) {
  return MakeError(
      absl::StatusCode::kUnauthenticated, reasons::kCertificateUnknown,
      absl::StrCat("the certificate ", certificate->serial_hex, " ", why),
      {{"serial", certificate->serial_hex},
       {"issuer", certificate->issuer.ToText()},
       {"why", why}});
}

absl::string_view UsageName(absl::string_view usage) {
  if (usage == oids::kClientAuth) {
    return "clientAuth";
  }
  if (usage == oids::kServerAuth) {
    return "serverAuth";
  }
  if (usage == oids::kDocumentSigning) {
    return "documentSigning";
  }
  return "the usage that is asked for";
}

absl::Status CheckValidity(const Certificate& certificate, absl::Time at_time) {
  const bool early = at_time < certificate->not_before;
  if (!early && at_time <= certificate->not_after) {
    return absl::OkStatus();
  }
  const std::string not_before = absl::FormatTime(
      absl::RFC3339_sec, certificate->not_before, absl::UTCTimeZone());
  const std::string not_after = absl::FormatTime(
      absl::RFC3339_sec, certificate->not_after, absl::UTCTimeZone());
  return MakeError(
      absl::StatusCode::kUnauthenticated, reasons::kCertificateExpired,
      absl::StrCat("the certificate ", certificate->serial_hex,
                   early ? " is not valid before " : " expired at ",
                   early ? not_before : not_after),
      {{"serial", certificate->serial_hex},
       {"not_before", not_before},
       {"not_after", not_after}});
}

absl::Status CheckUsage(const Certificate& certificate,
                        absl::string_view usage) {
  if (usage.empty() || certificate.AllowsUsage(usage)) {
    return absl::OkStatus();
  }
  const absl::string_view name = UsageName(usage);
  return MakeError(absl::StatusCode::kUnauthenticated,
                   reasons::kCertificateUsage,
                   absl::StrCat("the certificate ", certificate->serial_hex,
                                " is not for ", name),
                   {{"serial", certificate->serial_hex}, {"usage", name}});
}

// Whether names and key identifiers let `issuer` have issued `subject`.
bool CanBeIssuer(const Certificate& issuer, const Certificate& subject) {
  if (issuer->subject_der != subject->issuer_der) {
    return false;
  }
  return !issuer->subject_key_id.has_value() ||
         !subject->authority_key_id.has_value() ||
         *issuer->subject_key_id == *subject->authority_key_id;
}

// Checks what RFC 5280 6.1.4 asks of a certificate that issued another, with
// `below` intermediate certificates between it and the leaf.
absl::Status CheckCa(const Certificate& ca, int below) {
  if (!ca.is_ca()) {
    return Unknown(ca, "is not a CA certificate");
  }
  const std::optional<int>& path_length = ca->basic_constraints->path_length;
  if (path_length.has_value() && *path_length < below) {
    return Unknown(ca, "has too many certificates below it");
  }
  if (ca->key_usage.has_value() &&
      (*ca->key_usage & kKeyUsageKeyCertSign) == 0) {
    return Unknown(ca, "may not sign certificates");
  }
  if (!ca->unknown_critical.empty()) {
    return Unknown(ca, "has a critical extension that is not known");
  }
  return absl::OkStatus();
}

absl::Status CheckLeaf(const Certificate& leaf, const ChainOptions& options) {
  if (leaf.is_ca()) {
    return Unknown(leaf, "is a CA certificate, not an end entity's");
  }
  if (!leaf->unknown_critical.empty()) {
    return Unknown(leaf, "has a critical extension that is not known");
  }
  if (leaf->key_usage.has_value() && !options.required_eku.empty() &&
      (*leaf->key_usage & kKeyUsageDigitalSignature) == 0) {
    return Unknown(leaf, "may not sign, which TLS 1.3 asks for");
  }
  return absl::OkStatus();
}

// Finds the one of `candidates` that issued `subject`. The signature is looked
// at last, so that strangers cost no verification.
absl::StatusOr<size_t> FindIssuer(const Certificate& subject,
                                  absl::Span<const Certificate> candidates) {
  absl::Status result = Unknown(subject, "was issued by nobody known here");
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!CanBeIssuer(candidates[i], subject)) {
      continue;
    }
    result = subject.VerifySignatureBy(candidates[i].public_key());
    if (result.ok()) {
      return i;
    }
  }
  return result;
}

// Finds the root that issued `issuer`, and checks both but for the time.
absl::StatusOr<size_t> FindRoot(const Certificate& issuer,
                                absl::Span<const Certificate> roots) {
  BIRTHMARK_RETURN_IF_ERROR(CheckCa(issuer, /*below=*/0));
  BIRTHMARK_ASSIGN_OR_RETURN(const size_t root_index,
                             FindIssuer(issuer, roots));
  BIRTHMARK_RETURN_IF_ERROR(CheckCa(roots[root_index], /*below=*/1));
  return root_index;
}

// What is left to check once the signatures are known to be good. Only a
// certificate that is ours has a date worth telling.
absl::Status CheckDatesAndUsage(const VerifiedChain& chain,
                                const ChainOptions& options) {
  BIRTHMARK_RETURN_IF_ERROR(CheckValidity(chain.leaf, options.at_time));
  BIRTHMARK_RETURN_IF_ERROR(CheckValidity(chain.issuer, options.at_time));
  BIRTHMARK_RETURN_IF_ERROR(CheckValidity(chain.root, options.at_time));
  BIRTHMARK_RETURN_IF_ERROR(CheckUsage(chain.leaf, options.required_eku));
  return CheckUsage(chain.issuer, options.required_eku);
}

}  // namespace

absl::StatusOr<VerifiedChain> VerifyChain(const Certificate& leaf,
                                          absl::Span<const Certificate> issuers,
                                          absl::Span<const Certificate> roots,
                                          const ChainOptions& options) {
  BIRTHMARK_RETURN_IF_ERROR(CheckLeaf(leaf, options));
  BIRTHMARK_ASSIGN_OR_RETURN(const size_t issuer_index,
                             FindIssuer(leaf, issuers));
  BIRTHMARK_ASSIGN_OR_RETURN(const size_t root_index,
                             FindRoot(issuers[issuer_index], roots));
  VerifiedChain chain{leaf, issuers[issuer_index], roots[root_index],
                      issuer_index, root_index};
  BIRTHMARK_RETURN_IF_ERROR(CheckDatesAndUsage(chain, options));
  return chain;
}

absl::StatusOr<TrustStore> TrustStore::New(std::vector<Certificate> issuers,
                                           std::vector<Certificate> roots) {
  if (issuers.empty() || roots.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kCertificateMalformed,
                     "a trust store needs a root and an issuer");
  }
  TrustStore store;
  for (const Certificate& root : roots) {
    BIRTHMARK_RETURN_IF_ERROR(VerifyRoot(root));
  }
  for (const Certificate& issuer : issuers) {
    BIRTHMARK_ASSIGN_OR_RETURN(const size_t root_index,
                               FindRoot(issuer, roots));
    store.root_of_.push_back(root_index);
  }
  store.issuers_ = std::move(issuers);
  store.roots_ = std::move(roots);
  return store;
}

absl::StatusOr<VerifiedChain> TrustStore::Verify(
    const Certificate& leaf, const ChainOptions& options) const {
  BIRTHMARK_RETURN_IF_ERROR(CheckLeaf(leaf, options));
  BIRTHMARK_ASSIGN_OR_RETURN(const size_t issuer_index,
                             FindIssuer(leaf, issuers_));
  const size_t root_index = root_of_[issuer_index];
  VerifiedChain chain{leaf, issuers_[issuer_index], roots_[root_index],
                      issuer_index, root_index};
  BIRTHMARK_RETURN_IF_ERROR(CheckDatesAndUsage(chain, options));
  return chain;
}

absl::Status VerifyRoot(const Certificate& root) {
  BIRTHMARK_RETURN_IF_ERROR(CheckCa(root, /*below=*/1));
  if (root->issuer_der != root->subject_der) {
    return Unknown(root, "is not self-issued");
  }
  return root.VerifySignatureBy(root.public_key());
}

}  // namespace birthmark::x509
