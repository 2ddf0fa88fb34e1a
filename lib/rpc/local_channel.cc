#include "lib/rpc/local_channel.h"

#include "lib/rpc/status.h"

namespace birthmark::rpc {

absl::Status LocalChannel::DoUnary(absl::string_view method,
                                   const google::protobuf::Message& request,
                                   google::protobuf::Message& response,
                                   absl::Duration timeout) {
  const absl::Status status = router_.Call(
      caller_, method, router_.clock().Now() + timeout, request, response);
  // The same loss as over the network: Internal and Unknown keep their text to
  // themselves, wherever the service runs.
  return status.ok() ? status : FromProto(ToProto(status));
}

}  // namespace birthmark::rpc
