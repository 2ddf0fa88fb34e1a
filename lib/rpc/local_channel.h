// LocalChannel is a Channel to a Router of the same process. A call passes the
// same checks as one from outside and runs on the thread that makes it.

#ifndef BIRTHMARK_LIB_RPC_LOCAL_CHANNEL_H_
#define BIRTHMARK_LIB_RPC_LOCAL_CHANNEL_H_

#include <memory>
#include <utility>

#include "lib/rpc/caller.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/router.h"

namespace birthmark::rpc {

// LocalChannel is thread-safe. `router` must outlive it. Unary calls only: no
// service of ours streams to another one.
class LocalChannel : public Channel {
 public:
  // `caller` is who this process is to the router: see ServiceCaller.
  LocalChannel(const Router& router, Caller caller)
      : router_(router),
        caller_(std::make_shared<const Caller>(std::move(caller))) {}

 protected:
  absl::Status DoUnary(absl::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       absl::Duration timeout) override;

 private:
  const Router& router_;
  const std::shared_ptr<const Caller> caller_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_LOCAL_CHANNEL_H_
