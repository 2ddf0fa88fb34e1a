// ServiceCalls calls a service in the process, as whoever the test says.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_SERVICE_CALLS_H_
#define BIRTHMARK_SERVICES_REGISTRATION_SERVICE_CALLS_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "lib/base/clock.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/router.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"

namespace birthmark::registration {

// ServiceCalls is for one service: the only one of its .proto `file`, whose
// methods' full names begin with `prefix`.
class ServiceCalls {
 public:
  ServiceCalls(Clock& clock, std::string prefix,
               const google::protobuf::FileDescriptor& file)
      : prefix_(std::move(prefix)),
        rpc_metrics_(registry_),
        router_({}, clock, rpc_metrics_) {
    router_.AddService(*file.service(0));
  }

  rpc::Router& router() { return router_; }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(absl::string_view method,
                                const Request& request,
                                const rpc::Caller& caller) {
    rpc::LocalChannel channel(router_, caller);
    return channel.Unary<Response>(prefix_ + std::string(method), request);
  }

 private:
  const std::string prefix_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_;
  rpc::Router router_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_SERVICE_CALLS_H_
