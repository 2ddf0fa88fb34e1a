// OcspClient asks a process with the role `status` about certificates, and
// believes only what is signed by whom the issuer delegated to.
#ifndef BIRTHMARK_TESTS_SUPPORT_OCSP_CLIENT_H_
#define BIRTHMARK_TESTS_SUPPORT_OCSP_CLIENT_H_

#include <memory>
#include <string>

#include "lib/x509/certificate.h"
#include "lib/x509/ocsp_cert_id.h"
#include "tests/support/deployment.h"
#include "tests/support/http_client.h"

namespace birthmark::tests {

// OcspClient is not thread-safe.
class OcspClient {
 public:
  // `issuer` is the id of one of the deployment's issuers, `address` where the
  // role serves HTTP.
  OcspClient(const Deployment& deployment, const std::string& issuer,
             std::string address);

  // Ask returns "good", "revoked", "unknown"; or "tryLater", "unauthorized",
  // "malformed", "internal"; or what is wrong with the answer, "no answer".
  std::string Ask(const std::string& serial_hex);
  // Request returns the DER of what Ask sends.
  std::string Request(const std::string& serial_hex) const;
  // Judge returns what `der` says of a certificate, in Ask's words.
  std::string Judge(const std::string& der,
                    const std::string& serial_hex) const;

 private:
  const std::string address_;
  const x509::Certificate issuer_;
  const x509::OcspIssuerHashes hashes_;
  std::unique_ptr<HttpClient> connection_;
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_OCSP_CLIENT_H_
