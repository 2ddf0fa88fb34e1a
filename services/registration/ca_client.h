// CaClient asks the role `ca` for signatures.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_CA_CLIENT_H_
#define BIRTHMARK_SERVICES_REGISTRATION_CA_CLIENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/rpc/channel.h"

namespace birthmark::registration {

// CaClient is thread-safe. The channel must outlive it. Every call may fail
// with kUnavailable / SIGNER_OFFLINE or DATABASE_OFFLINE, after which the same
// call may be made again: the CA answers a serial that it has signed from its
// record. If the CA refuses this service, that is kInternal: no fault of the
// one who called us.
class CaClient {
 public:
  static constexpr absl::Duration kTimeout = absl::Seconds(15);

  explicit CaClient(rpc::Channel& channel) : channel_(channel) {}

  struct Issued {
    // DER, one for each request, in their order.
    std::vector<absl::StatusOr<std::string>> certificates;
    // The issuers up to but without the root, DER.
    std::vector<std::string> issuer_chain;
  };

  // Issue has 1 to 1000 certificates made. `first_attempt` says that nobody has
  // asked for any of their serials before, which spares the CA looking.
  absl::StatusOr<Issued> Issue(absl::string_view profile_id,
                               std::vector<ca::v1::CertificateRequest> requests,
                               absl::string_view on_behalf_of,
                               bool first_attempt);

  // IssueOne has one made and returns its chain: the certificate, then the
  // issuers up to but without the root.
  absl::StatusOr<std::vector<std::string>> IssueOne(
      absl::string_view profile_id, ca::v1::CertificateRequest request,
      absl::string_view on_behalf_of);

  // IssuerChain returns the issuer's certificate and those above it up to but
  // without the root. kNotFound / ISSUER_NOT_FOUND.
  absl::StatusOr<std::vector<std::string>> IssuerChain(
      absl::string_view issuer_id);

  // SignCrl returns the current CRL of a shard. kNotFound / ISSUER_NOT_FOUND.
  absl::StatusOr<ca::v1::SignCrlResponse> SignCrl(absl::string_view issuer_id,
                                                  int shard);

 private:
  rpc::Channel& channel_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_CA_CLIENT_H_
