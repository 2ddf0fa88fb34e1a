// Router is where every call passes, over the network and in the process: it
// authorises by the allowed_roles that the method carries in its .proto, sets
// the deadline, and hands the request to the handler.
//
//   router.AddService(*FleetService::descriptor());
//   router.Unary<GetFleetRequest, Fleet>(
//       "birthmark.fleet.v1.FleetService.GetFleet",
//       [&](const rpc::CallContext& context, const GetFleetRequest& request)
//           -> absl::StatusOr<Fleet> { ... });
//
// Order of checks, none of which reads a byte of the message:
//   authenticate  UNAUTHENTICATED (authenticator.h; LocalChannel names itself)
//   status gate   what the host's callback says, e.g. CERTIFICATE_REVOKED
//   known         UNIMPLEMENTED / METHOD_NOT_SERVED: no such method
//   authorise     PERMISSION_DENIED / CALLER_NOT_ALLOWED, metadata method and
//                 caller; a method without allowed_roles admits nobody
//   served        UNIMPLEMENTED / METHOD_NOT_SERVED: no handler here
//   deadline      DEADLINE_EXCEEDED if it has passed

#ifndef BIRTHMARK_LIB_RPC_ROUTER_H_
#define BIRTHMARK_LIB_RPC_ROUTER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "lib/base/clock.h"
#include "lib/rpc/bidi.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/caller.h"
#include "lib/telemetry/rpc_metrics.h"

namespace birthmark::rpc {

// StatusGate says whether a caller whose certificate is good may come in now:
// it looks up revocation and, for devices, their state. It runs on the worker
// pool before anything else and may wait for a database. What it returns goes
// to the caller. `open_to_decommissioning` says whether the method has that
// option. A stream passes it once, when it begins: whoever serves a long one
// asks again now and then.
using StatusGate = std::function<absl::Status(const Caller& caller,
                                              bool open_to_decommissioning)>;

// Router is set up first, then used; setting up is not thread-safe, use is.
class Router {
 public:
  struct Options {
    // Absent: every certificate counts as good.
    StatusGate status_gate;
    // For unary calls whose client set no deadline.
    absl::Duration default_deadline = absl::Seconds(30);
    // No unary call gets longer, whatever the client says.
    absl::Duration max_deadline = absl::Minutes(5);
    // What may wait to be written on one stream.
    size_t stream_write_bytes = size_t{16} << 20;
    // While more than this waits to be written on a stream, nothing is read
    // from it: who does not read is not listened to.
    size_t stream_unread_bytes = size_t{512} << 10;
  };

  // `clock` and `metrics` must outlive the router.
  Router(Options options, Clock& clock, telemetry::RpcMetrics& metrics);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // AddService makes the methods of a service known. Twice is fine.
  void AddService(const google::protobuf::ServiceDescriptor& service);

  // Unary serves a method, given by its full name. Its service must be known,
  // and Request and Response must be the method's types: anything else ends the
  // process, since it is a mistake in the program.
  template <typename Request, typename Response>
  void Unary(absl::string_view method,
             std::function<absl::StatusOr<Response>(const CallContext&,
                                                    const Request&)>
                 handler) {
    auto run = [handler = std::move(handler)](
                   const CallContext& context,
                   const google::protobuf::Message& request,
                   google::protobuf::Message& response) -> absl::Status {
      absl::StatusOr<Response> result =
          handler(context, static_cast<const Request&>(request));
      if (!result.ok()) {
        return std::move(result).status();
      }
      static_cast<Response&>(response) = *std::move(result);
      return absl::OkStatus();
    };
    SetUnary(method, Request::default_instance(), Response::default_instance(),
             std::move(run));
  }

  // Bidi serves a bidirectional stream, or one of answers to a single request,
  // which is the same with one message from the client: `factory` is called on
  // the worker pool for each authorised stream. If it fails, the stream ends
  // with its status.
  template <typename Request, typename Response>
  void Bidi(absl::string_view method,
            std::function<absl::StatusOr<std::shared_ptr<BidiHandler<Request>>>(
                const CallContext&, BidiStream<Response>)>
                factory) {
    auto make = [factory = std::move(factory)](const CallContext& context,
                                               std::shared_ptr<StreamCore> core)
        -> absl::StatusOr<std::shared_ptr<RawBidiHandler>> {
      auto handler = factory(context, BidiStream<Response>(std::move(core)));
      if (!handler.ok()) {
        return std::move(handler).status();
      }
      return std::make_shared<TypedBidiHandler<Request>>(*std::move(handler));
    };
    SetBidi(method, Request::default_instance(), Response::default_instance(),
            std::move(make));
  }

  // Below: for Server and LocalChannel.

  // RawBidiHandler is a BidiHandler without its types.
  class RawBidiHandler {
   public:
    virtual ~RawBidiHandler() = default;
    virtual void OnMessage(std::unique_ptr<google::protobuf::Message> m) = 0;
    virtual void OnHalfClose() = 0;
    virtual void OnCancel() = 0;
    virtual void OnDrain() = 0;
  };
  using RawUnary = std::function<absl::Status(
      const CallContext&, const google::protobuf::Message& request,
      google::protobuf::Message& response)>;
  using RawBidi = std::function<absl::StatusOr<std::shared_ptr<RawBidiHandler>>(
      const CallContext&, std::shared_ptr<StreamCore>)>;

  struct Method {
    const google::protobuf::MethodDescriptor* descriptor = nullptr;
    std::vector<options::v1::Role> allowed_roles;
    bool open_to_decommissioning = false;
    const google::protobuf::Message* request = nullptr;
    const google::protobuf::Message* response = nullptr;
    RawUnary unary;  // at most one of these two is set
    RawBidi bidi;
    telemetry::RpcMethodMetrics* metrics = nullptr;
  };

  // Find returns a known method by its full name or by its gRPC path
  // (`/birthmark.fleet.v1.FleetService/GetFleet`), else nullptr.
  const Method* Find(absl::string_view name_or_path) const;

  // Admit makes the checks from the status gate on, for `method` or, if that is
  // nullptr, for an unknown method called `name`.
  absl::Status Admit(const Caller& caller, const Method* method,
                     absl::string_view name) const;

  // UnaryDeadline is the deadline that applies when the client asked for
  // `asked`. DEADLINE_EXCEEDED if that has passed.
  absl::StatusOr<absl::Time> UnaryDeadline(absl::Time asked) const;

  // Call does the whole chain for a caller inside the process.
  absl::Status Call(std::shared_ptr<const Caller> caller,
                    absl::string_view method, absl::Time deadline,
                    const google::protobuf::Message& request,
                    google::protobuf::Message& response) const;

  const Options& options() const { return options_; }
  Clock& clock() const { return clock_; }
  telemetry::RpcMetrics& metrics() const { return metrics_; }

 private:
  template <typename Request>
  class TypedBidiHandler : public RawBidiHandler {
   public:
    explicit TypedBidiHandler(std::shared_ptr<BidiHandler<Request>> handler)
        : handler_(std::move(handler)) {}
    void OnMessage(std::unique_ptr<google::protobuf::Message> m) override {
      handler_->OnMessage(std::move(static_cast<Request&>(*m)));
    }
    void OnHalfClose() override { handler_->OnHalfClose(); }
    void OnCancel() override { handler_->OnCancel(); }
    void OnDrain() override { handler_->OnDrain(); }

   private:
    std::shared_ptr<BidiHandler<Request>> handler_;
  };

  Method& Checked(absl::string_view method,
                  const google::protobuf::Message& request,
                  const google::protobuf::Message& response);
  void SetUnary(absl::string_view method,
                const google::protobuf::Message& request,
                const google::protobuf::Message& response, RawUnary run);
  void SetBidi(absl::string_view method,
               const google::protobuf::Message& request,
               const google::protobuf::Message& response, RawBidi make);

  const Options options_;
  Clock& clock_;
  telemetry::RpcMetrics& metrics_;
  std::map<std::string, Method, std::less<>> methods_;  // by full name
  std::map<std::string, Method*, std::less<>> by_path_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_ROUTER_H_
