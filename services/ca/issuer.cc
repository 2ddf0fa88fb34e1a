#include "services/ca/issuer.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/x509/chain.h"
#include "lib/x509/crl.h"
#include "lib/x509/extension.h"
#include "lib/x509/lint.h"

namespace birthmark::ca {
namespace {

constexpr uint16_t kIssuerUsage =
    x509::kKeyUsageKeyCertSign | x509::kKeyUsageCrlSign;

absl::Status Bad(const std::string& id, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("issuer ", id, ": ", text));
}

absl::Status CheckChain(const std::string& id,
                        const std::vector<x509::Certificate>& chain) {
  if (chain.size() < 2) {
    return Bad(id, "certificate_file needs the issuer, then up to the root");
  }
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    if (chain[i]->issuer_der != chain[i + 1]->subject_der ||
        !chain[i].VerifySignatureBy(chain[i + 1].public_key()).ok()) {
      return Bad(id,
                 "certificate_file is not in order, issuer first, root "
                 "last, each signed by the next");
    }
  }
  if (!x509::VerifyRoot(chain.back()).ok()) {
    return Bad(id, "certificate_file does not end with a root");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Issuer>> Issuer::New(Options options) {
  if (!IsResourceId(options.id)) {
    return Bad(options.id, "the id must match [a-z0-9-]{1,63}");
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckChain(options.id, options.chain));
  const x509::Certificate& own = options.chain[0];
  if (!(own.public_key() == options.signer->public_key())) {
    return Bad(options.id, "sealed_key_file is not the certificate's key");
  }
  if (!own.is_ca() || !own->subject_key_id.has_value() ||
      !own->key_usage.has_value() ||
      (*own->key_usage & kIssuerUsage) != kIssuerUsage) {
    return Bad(options.id,
               "its certificate may not sign certificates and CRLs");
  }
  return std::unique_ptr<Issuer>(new Issuer(std::move(options)));
}

std::string Issuer::name() const { return absl::StrCat("issuers/", id()); }

crypto::SignatureAlgorithm Issuer::algorithm() const {
  return options_.signer->algorithm();
}

policy::CrlUris Issuer::CrlUris(int shard) const {
  if (!publishes_crls()) {
    return {};
  }
  const std::string base = absl::StrCat(options_.crl_base_url, "/", id());
  return {x509::CrlShardUri(base, shard), x509::CrlDeltaUri(base, shard)};
}

absl::StatusOr<std::string> Issuer::SignCertificate(
    policy::PreparedCertificate prepared) const {
  BIRTHMARK_ASSIGN_OR_RETURN(std::string signature,
                             options_.signer->Sign(prepared.tbs()));
  return std::move(prepared).Assemble(signature);
}

absl::StatusOr<std::string> Issuer::SignCrl(absl::string_view tbs) const {
  x509::LintProfile lint;
  lint.issuer_name_der = std::string(certificate()->subject_der);
  lint.issuer_key_id = *certificate()->subject_key_id;
  BIRTHMARK_RETURN_IF_ERROR(x509::LintStatus(x509::LintTbsCrl(tbs, lint)));
  BIRTHMARK_ASSIGN_OR_RETURN(std::string signature, options_.signer->Sign(tbs));
  return x509::AssembleCrl(tbs, algorithm(), signature);
}

}  // namespace birthmark::ca
