// CaClient asks the role `ca` for what only issuer keys can make.

#ifndef BIRTHMARK_SERVICES_STATUS_CA_CLIENT_H_
#define BIRTHMARK_SERVICES_STATUS_CA_CLIENT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/rpc/channel.h"

namespace birthmark::status {

// CaClient is thread-safe. The channel must outlive it. Calls fail with what
// the CA says, or with kUnavailable or kDeadlineExceeded.
class CaClient {
 public:
  static constexpr absl::Duration kTimeout = absl::Seconds(15);

  explicit CaClient(rpc::Channel& channel) : channel_(channel) {}

  // CertifyResponder returns the certificate (DER) of an OCSP responder's key.
  absl::StatusOr<std::string> CertifyResponder(absl::string_view issuer_id,
                                               absl::string_view csr_der);

  // SignCrl sees to it that the shard's current CRL has every revocation that
  // was committed before the call, and returns the revision that it tells.
  absl::StatusOr<int64_t> SignCrl(absl::string_view issuer_id, int shard);

 private:
  rpc::Channel& channel_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_CA_CLIENT_H_
