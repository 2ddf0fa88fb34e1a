#include "tests/support/ocsp_client.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/ocsp_response.h"
#include "lib/x509/ocsp_response_parser.h"

namespace birthmark::tests {
namespace {

x509::Certificate ReadIssuer(const std::string& path) {
  auto chain = x509::Certificate::ParsePem(ReadAll(path));
  if (!chain.ok() || chain->empty()) {
    std::cerr << path << ": " << chain.status() << std::endl;
    std::abort();
  }
  return chain->front();
}

const char* StatusWord(x509::OcspResponseStatus status) {
  switch (status) {
    case x509::OcspResponseStatus::kMalformedRequest:
      return "malformed";
    case x509::OcspResponseStatus::kTryLater:
      return "tryLater";
    case x509::OcspResponseStatus::kUnauthorized:
      return "unauthorized";
    default:
      return "internal";
  }
}

}  // namespace

OcspClient::OcspClient(const Deployment& deployment, const std::string& issuer,
                       std::string address)
    : address_(std::move(address)),
      issuer_(ReadIssuer(
          absl::StrCat(deployment.home(), "/trust/", issuer, ".pem"))),
      hashes_(x509::OcspIssuerHashes::Of(issuer_)) {}

std::string OcspClient::Request(const std::string& serial_hex) const {
  const std::vector<std::string> ids = {hashes_.CertIdDer(
      x509::OcspHash::kSha1, absl::HexStringToBytes(serial_hex))};
  auto request = x509::BuildOcspRequest(ids, std::nullopt);
  return request.ok() ? *std::move(request) : "";
}

std::string OcspClient::Judge(const std::string& der,
                              const std::string& serial_hex) const {
  const auto response = x509::OcspResponse::Parse(der);
  if (!response.ok()) {
    return response.status().ToString();
  }
  const x509::OcspResponseFields& fields = response->fields();
  if (fields.status != x509::OcspResponseStatus::kSuccessful) {
    return StatusWord(fields.status);
  }
  const absl::Time now = Clock::Real().Now();
  if (const absl::Status signer = response->VerifyAuthorized(issuer_, now);
      !signer.ok()) {
    return signer.ToString();
  }
  const x509::OcspAnswer* answer =
      response->Find(hashes_, absl::HexStringToBytes(serial_hex));
  if (answer == nullptr) {
    return "says nothing of the certificate";
  }
  if (answer->next_update.has_value() && *answer->next_update < now) {
    return "too old";
  }
  return answer->status == x509::OcspCertStatus::kGood      ? "good"
         : answer->status == x509::OcspCertStatus::kRevoked ? "revoked"
                                                            : "unknown";
}

std::string OcspClient::Ask(const std::string& serial_hex) {
  // A connection that was idle may have been closed meanwhile.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (connection_ == nullptr) {
      connection_ = std::make_unique<HttpClient>(address_);
    }
    const HttpAnswer answer = connection_->Post(
        "/ocsp", "application/ocsp-request", Request(serial_hex));
    if (answer.code == 200) {
      return Judge(answer.body, serial_hex);
    }
    connection_.reset();
    if (answer.code != 0) {
      return absl::StrCat("HTTP ", answer.code);
    }
  }
  return "no answer";
}

}  // namespace birthmark::tests
