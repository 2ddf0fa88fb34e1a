// CallContext is what a handler knows about its call beyond the request.

#ifndef BIRTHMARK_LIB_RPC_CALL_CONTEXT_H_
#define BIRTHMARK_LIB_RPC_CALL_CONTEXT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/rpc/caller.h"

namespace birthmark::rpc {

// CallContext is good as long as the handler, or the stream, that it was given
// to. Thread-safe.
class CallContext {
 public:
  CallContext(std::shared_ptr<const Caller> caller, std::string method,
              absl::Time deadline, std::function<bool()> cancelled = nullptr)
      : caller_(std::move(caller)),
        method_(std::move(method)),
        deadline_(deadline),
        cancelled_(std::move(cancelled)) {}

  const Caller& caller() const { return *caller_; }
  // method is the full name, e.g. `birthmark.fleet.v1.FleetService.GetFleet`.
  const std::string& method() const { return method_; }
  // deadline is when the caller stops waiting, by the wall clock. Pass it on to
  // outgoing calls. InfiniteFuture for streams whose client set none.
  absl::Time deadline() const { return deadline_; }
  // IsCancelled tells whether the caller has gone away.
  bool IsCancelled() const { return cancelled_ != nullptr && cancelled_(); }

 private:
  std::shared_ptr<const Caller> caller_;
  std::string method_;
  absl::Time deadline_;
  std::function<bool()> cancelled_;
};

// PermissionDenied returns the error of a handler whose caller may not do this:
// kPermissionDenied / `reason` with metadata method and caller.
absl::Status PermissionDenied(const CallContext& context,
                              absl::string_view reason, absl::string_view text);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_CALL_CONTEXT_H_
