#include "tests/bench/ocsp_load.h"

#include <cstdlib>
#include <iostream>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/clock.h"
#include "lib/http/test_client.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/ocsp_response_parser.h"

namespace birthmark::bench {
namespace {

constexpr char kPath[] = "/ocsp";
constexpr char kType[] = "application/ocsp-request";
constexpr size_t kNonceSize = 32;

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

}  // namespace

OcspLoad::OcspLoad(const x509::Certificate& issuer)
    : issuer_(issuer), hashes_(x509::OcspIssuerHashes::Of(issuer)) {}

std::string OcspLoad::Request(const std::string& serial,
                              absl::string_view nonce) const {
  const std::vector<std::string> ids = {
      hashes_.CertIdDer(x509::OcspHash::kSha1, serial)};
  const auto request = x509::BuildOcspRequest(
      ids, nonce.empty() ? std::nullopt : std::optional(nonce));
  if (!request.ok()) {
    Die(request.status().ToString());
  }
  return *request;
}

// RFC 6960 A.1: base64, percent-encoded.
std::string OcspLoad::Target(const std::string& serial) const {
  return absl::StrCat(
      kPath, "/",
      absl::StrReplaceAll(absl::Base64Escape(Request(serial, "")),
                          {{"+", "%2B"}, {"/", "%2F"}, {"=", "%3D"}}));
}

WrkRequests OcspLoad::Get(const std::string& file,
                          const std::vector<std::string>& serials) const {
  std::vector<std::string> targets;
  for (const std::string& serial : serials) {
    targets.push_back(Target(serial));
  }
  return WrkRequests::Get(file, targets);
}

WrkRequests OcspLoad::Post(const std::string& file,
                           const std::vector<std::string>& serials) const {
  std::vector<std::string> bodies;
  for (const std::string& serial : serials) {
    bodies.push_back(Request(serial, ""));
  }
  return WrkRequests::Post(file, kPath, kType, bodies);
}

WrkRequests OcspLoad::PostFresh(const std::string& file,
                                const std::vector<std::string>& serials) const {
  const std::string nonce(kNonceSize, 'n');
  std::vector<std::string> bodies;
  for (const std::string& serial : serials) {
    bodies.push_back(Request(serial, nonce));
  }
  return WrkRequests::Post(file, kPath, kType, bodies,
                           bodies.front().find(nonce), kNonceSize);
}

std::string OcspLoad::Fetch(const std::string& address,
                            const std::string& serial) const {
  const std::string answer =
      http::Fetch(address, absl::StrCat("GET ", Target(serial),
                                        " HTTP/1.1\r\nHost: x\r\nConnection: "
                                        "close\r\n\r\n"));
  const size_t head = answer.find("\r\n\r\n");
  if (!absl::StartsWith(answer, "HTTP/1.1 200 ") || head == answer.npos) {
    Die(absl::StrCat("no answer to an OCSP request: ", answer.substr(0, 500)));
  }
  const auto response =
      x509::OcspResponse::Parse(absl::string_view(answer).substr(head + 4));
  if (!response.ok()) {
    Die(response.status().ToString());
  }
  const x509::OcspAnswer* const single = response->Find(hashes_, serial);
  if (single == nullptr || single->status == x509::OcspCertStatus::kUnknown) {
    Die(absl::StrCat("the responder does not know the certificate ",
                     absl::BytesToHexString(serial), ", response status ",
                     static_cast<int>((*response)->status)));
  }
  const absl::Status valid =
      response->VerifyAuthorized(issuer_, Clock::Real().Now());
  if (!valid.ok()) {
    Die(valid.ToString());
  }
  return answer;
}

}  // namespace birthmark::bench
