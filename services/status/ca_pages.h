// CaPages serves issuers' certificates, to which certificates point (RFC 5280,
// 4.2.2.1), and the trust bundle.

#ifndef BIRTHMARK_SERVICES_STATUS_CA_PAGES_H_
#define BIRTHMARK_SERVICES_STATUS_CA_PAGES_H_

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/http/message.h"
#include "services/status/document.h"
#include "services/status/issuers.h"
#include "services/status/metrics.h"

namespace birthmark::status {

// CaPages is immutable and thread-safe. It needs no database.
class CaPages {
 public:
  // `clock` and `metrics` must outlive it.
  CaPages(const Issuers& issuers, absl::Duration max_age, Clock& clock,
          Metrics& metrics);

  // Handle answers `request` for `/ca/{issuer}.cer`, one certificate in DER, or
  // `/ca/bundle.pem`, the roots and then the issuers. 404 for anything else.
  void Handle(const http::Request& request, http::Responder responder) const;

 private:
  std::map<std::string, std::shared_ptr<const Document>, std::less<>> pages_;
  const absl::Duration max_age_;
  Clock& clock_;
  Metrics& metrics_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_CA_PAGES_H_
