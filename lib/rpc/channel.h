// Channel is how code calls a service, whether that runs in another process
// (grpc_channel.h) or in this one (local_channel.h).
//
//   absl::StatusOr<Fleet> fleet = channel.Unary<Fleet>(
//       "birthmark.fleet.v1.FleetService.GetFleet", request,
//       absl::Seconds(10));

#ifndef BIRTHMARK_LIB_RPC_CHANNEL_H_
#define BIRTHMARK_LIB_RPC_CHANNEL_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace birthmark::rpc {

// kDefaultTimeout is for calls whose maker has no better idea.
inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(30);

// Channel is thread-safe.
class Channel {
 public:
  virtual ~Channel() = default;

  // Unary calls `method`, given by its full name, and waits for the answer, no
  // longer than `timeout`. Errors are those that the server returned
  // (status.h), or kDeadlineExceeded, or kUnavailable with a text that names
  // the server and the likely cause if it cannot be reached.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Unary(absl::string_view method,
                                 const Request& request,
                                 absl::Duration timeout = kDefaultTimeout) {
    Response response;
    absl::Status status = DoUnary(method, request, response, timeout);
    if (!status.ok()) {
      return status;
    }
    return response;
  }

 protected:
  virtual absl::Status DoUnary(absl::string_view method,
                               const google::protobuf::Message& request,
                               google::protobuf::Message& response,
                               absl::Duration timeout) = 0;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_CHANNEL_H_
