// KeyReportService has the methods of RevocationService by which whoever holds
// a key says that others do too.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_KEY_REPORT_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_KEY_REPORT_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/registration/dependencies.h"
#include "services/registration/metrics.h"
#include "services/registration/revocation_barrier.h"

namespace birthmark::registration {

// KeyReportService is thread-safe. What its constructor takes must outlive it.
class KeyReportService {
 public:
  KeyReportService(const Dependencies& dependencies, RevocationBarrier& barrier,
                   Metrics& metrics)
      : with_(dependencies), barrier_(barrier), metrics_(metrics) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<revocation::v1::KeyChallenge> CreateKeyChallenge(
      const rpc::CallContext& context,
      const revocation::v1::CreateKeyChallengeRequest& request);
  absl::StatusOr<revocation::v1::ReportKeyCompromiseResponse>
  ReportKeyCompromise(
      const rpc::CallContext& context,
      const revocation::v1::ReportKeyCompromiseRequest& request);

  const Dependencies with_;
  RevocationBarrier& barrier_;
  Metrics& metrics_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_KEY_REPORT_SERVICE_H_
