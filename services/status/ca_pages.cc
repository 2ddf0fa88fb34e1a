#include "services/status/ca_pages.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/http/response.h"

namespace birthmark::status {
namespace {

constexpr absl::string_view kCertificateType = "application/pkix-cert";
constexpr absl::string_view kBundleType = "application/x-pem-file";

std::string Bundle(const Issuers& issuers) {
  std::string roots;
  std::string others;
  std::set<std::string> seen;
  for (const Issuer& issuer : issuers) {
    if (seen.insert(issuer.root()->der).second) {
      roots.append(issuer.root().ToPem());
    }
  }
  for (const Issuer& issuer : issuers) {
    for (const x509::Certificate& certificate : issuer.chain) {
      if (seen.insert(certificate->der).second) {
        others.append(certificate.ToPem());
      }
    }
  }
  return roots + others;
}

}  // namespace

CaPages::CaPages(const Issuers& issuers, absl::Duration max_age, Clock& clock,
                 Metrics& metrics)
    : max_age_(max_age), clock_(clock), metrics_(metrics) {
  absl::Time newest = absl::InfinitePast();
  for (const Issuer& issuer : issuers) {
    const x509::Certificate& certificate = issuer.certificate();
    newest = std::max(newest, certificate->not_before);
    pages_[absl::StrCat("/ca/", issuer.id, ".cer")] =
        MakeDocument(certificate->der, kCertificateType,
                     certificate->not_before, absl::InfiniteFuture(), max_age);
  }
  pages_["/ca/bundle.pem"] = MakeDocument(Bundle(issuers), kBundleType, newest,
                                          absl::InfiniteFuture(), max_age);
}

void CaPages::Handle(const http::Request& request,
                     http::Responder responder) const {
  const auto page = pages_.find(request.path);
  if (page == pages_.end()) {
    metrics_.pages_not_found.Increment();
    responder.Send(http::NotFound());
    return;
  }
  if (request.method != http::Method::kGet &&
      request.method != http::Method::kHead) {
    responder.Send(http::MethodNotAllowed("GET, HEAD"));
    return;
  }
  metrics_.pages_served.Increment();
  responder.Send(Serve(request, page->second, clock_.Now(), max_age_));
}

}  // namespace birthmark::status
