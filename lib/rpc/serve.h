// ServeUnary serves a method by a member function.
//
//   rpc::ServeUnary(router, "birthmark.fleet.v1.FleetService.GetFleet", this,
//                   &FleetServiceImpl::GetFleet);

#ifndef BIRTHMARK_LIB_RPC_SERVE_H_
#define BIRTHMARK_LIB_RPC_SERVE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"

namespace birthmark::rpc {

// ServeUnary is Router::Unary for `(service->*handler)(context, request)`.
// `service` must outlive the router's calls.
template <typename Service, typename Request, typename Response>
void ServeUnary(Router& router, absl::string_view method, Service* service,
                absl::StatusOr<Response> (Service::*handler)(const CallContext&,
                                                             const Request&)) {
  router.Unary<Request, Response>(
      method,
      [service, handler](const CallContext& context, const Request& request) {
        return (service->*handler)(context, request);
      });
}

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_SERVE_H_
