// GrpcChannel is a Channel over gRPC: TLS 1.3, both sides show certificates.

#ifndef BIRTHMARK_LIB_RPC_GRPC_CHANNEL_H_
#define BIRTHMARK_LIB_RPC_GRPC_CHANNEL_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/client_stream.h"
#include "lib/rpc/identity.h"

namespace birthmark::rpc {

struct GrpcChannelOptions {
  // `host:port` or `unix:/path`.
  std::string address;
  // The DNS name that the server's certificate must carry.
  std::string server_name;
  // PEM: the roots that the server's certificate must chain to.
  std::string roots_file;
  // The own certificate and key. Read again when the files change; connections
  // that stand keep the old one.
  IdentityFiles identity;
  // Largest answer accepted. 0: 64 MiB.
  int message_bytes = 0;
};

// GrpcChannel is thread-safe. It connects when it is first used, reconnects by
// itself within about two seconds of the server's return, and notices within
// about 20 seconds that a server has vanished without a word.
class GrpcChannel : public Channel {
 public:
  // New checks the options and files and connects to nothing. Fails as
  // CheckIdentity does; kInvalidArgument for other options.
  static absl::StatusOr<std::unique_ptr<GrpcChannel>> New(
      const GrpcChannelOptions& options);

  ~GrpcChannel() override;

  // Bidi opens a stream to `method`, which streams answers and may stream
  // requests: where it takes a single one, write that and half-close. It cannot
  // fail: a stream that did not come about is one that ends at once, and Finish
  // says why. It has no deadline.
  template <typename Request, typename Response>
  ClientStream<Request, Response> Bidi(absl::string_view method) {
    return ClientStream<Request, Response>(DoBidi(method));
  }

 protected:
  absl::Status DoUnary(absl::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       absl::Duration timeout) override;

 private:
  struct Impl;
  explicit GrpcChannel(std::unique_ptr<Impl> impl);
  std::unique_ptr<RawClientStream> DoBidi(absl::string_view method);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_GRPC_CHANNEL_H_
