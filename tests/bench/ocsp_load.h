// ocsp_load makes the requests that verifiers ask an OCSP responder with, for
// wrk.h, and reads single answers.
#ifndef BIRTHMARK_TESTS_BENCH_OCSP_LOAD_H_
#define BIRTHMARK_TESTS_BENCH_OCSP_LOAD_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/x509/certificate.h"
#include "lib/x509/ocsp_cert_id.h"
#include "tests/bench/wrk.h"

namespace birthmark::bench {

// OcspLoad asks about certificates of one issuer, with CertIDs by SHA-1 as all
// clients make them. Thread-safe. Ends the program if anything fails.
class OcspLoad {
 public:
  explicit OcspLoad(const x509::Certificate& issuer);

  // Get asks by GET, whose answers may be cached, Post by POST; PostFresh with
  // a nonce of 32 octets that is new in every request (RFC 9654), so that each
  // answer must be signed. The requests go to `file`.
  WrkRequests Get(const std::string& file,
                  const std::vector<std::string>& serials) const;
  WrkRequests Post(const std::string& file,
                   const std::vector<std::string>& serials) const;
  WrkRequests PostFresh(const std::string& file,
                        const std::vector<std::string>& serials) const;

  // Fetch asks once, by GET, over a connection of its own. The answer must be
  // about that certificate, good or revoked, and signed by a responder of the
  // issuer's. Returns the whole HTTP answer.
  std::string Fetch(const std::string& address,
                    const std::string& serial) const;

 private:
  std::string Request(const std::string& serial, absl::string_view nonce) const;
  std::string Target(const std::string& serial) const;

  const x509::Certificate issuer_;
  const x509::OcspIssuerHashes hashes_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_OCSP_LOAD_H_
