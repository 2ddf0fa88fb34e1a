// GenericService is the one gRPC service of a server: every call of every
// method comes in here and goes to the Router. Private to lib/rpc.

#ifndef BIRTHMARK_LIB_RPC_GENERIC_SERVICE_H_
#define BIRTHMARK_LIB_RPC_GENERIC_SERVICE_H_

#include <memory>
#include <mutex>
#include <set>

#include "absl/status/status.h"
#include "grpcpp/generic/async_generic_service.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/authenticator.h"
#include "lib/rpc/router.h"
#include "lib/rpc/server_stream.h"

namespace birthmark::rpc {

// GenericService is thread-safe. What it is made of must outlive it.
class GenericService : public grpc::CallbackGenericService {
 public:
  // `calls` runs admission and unary handlers, `streams` what happens on
  // streams.
  GenericService(Router& router, Authenticator& authenticator,
                 ThreadPool& calls, ThreadPool& streams);
  ~GenericService() override;

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  // Drain refuses new calls and tells all streams to come to an end.
  void Drain();

 private:
  class Call;

  // AddStream fails when there are too many, or when the server shuts down.
  absl::Status AddStream(const std::shared_ptr<ServerStream>& stream);
  void RemoveStream(const std::shared_ptr<ServerStream>& stream);
  bool draining() const;

  Router& router_;
  Authenticator& authenticator_;
  ThreadPool& calls_;
  ThreadPool& streams_;

  mutable std::mutex mutex_;
  bool draining_ = false;                                 // under mutex_
  std::set<std::shared_ptr<ServerStream>> open_streams_;  // under mutex_
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_GENERIC_SERVICE_H_
