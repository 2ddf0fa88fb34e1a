#include "lib/rpc/generic_service.h"

#include <atomic>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/grpc_security_constants.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/spread_delay.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/status.h"
#include "lib/rpc/wire.h"
#include "lib/x509/pem.h"

namespace birthmark::rpc {
namespace {

using google::protobuf::Message;

// How long a caller who met a full queue should stay away at least.
constexpr absl::Duration kOverloadRetry = absl::Milliseconds(500);

// Streams are cheap while nothing happens on them, but not free.
constexpr size_t kMaxStreams = 4096;

absl::Status Overloaded(absl::string_view limit) {
  return WithRetryAfter(
      MakeError(
          absl::StatusCode::kResourceExhausted, reasons::kServerOverloaded,
          "the server is busy; try again a little later", {{"limit", limit}}),
      SpreadDelay(kOverloadRetry));
}

absl::Status ShuttingDown() {
  return WithRetryAfter(
      MakeError(absl::StatusCode::kUnavailable, reasons::kServerDraining,
                "the server is shutting down; try again"),
      SpreadDelay(kOverloadRetry));
}

// LeafDer returns the certificate that the client showed, "" if it is not
// there or spoiled.
std::string LeafDer(const grpc::ServerContextBase& context) {
  const auto values = context.auth_context()->FindPropertyValues(
      GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (values.size() != 1) {
    return "";
  }
  const absl::StatusOr<std::string> der =
      x509::PemDecodeOne(absl::string_view(values[0].data(), values[0].size()),
                         x509::kPemCertificate);
  return der.ok() ? *der : "";
}

absl::Time Deadline(const grpc::ServerContextBase& context) {
  // gRPC says "none" by the largest time point that it has.
  const auto deadline = context.deadline();
  if (deadline >
      std::chrono::system_clock::time_point::max() - std::chrono::hours(24)) {
    return absl::InfiniteFuture();
  }
  return absl::FromChrono(deadline);
}

}  // namespace

// Call is one call. It deletes itself in OnDone, which gRPC calls after all
// else; functions on the pool hold a plain pointer, since a call cannot be done
// before the last of them has ended it.
class GenericService::Call : public grpc::ServerGenericBidiReactor,
                             public StreamTransport {
 public:
  Call(GenericService& service, grpc::GenericCallbackServerContext& context)
      : service_(service),
        context_(context),
        method_(service.router_.Find(context.method())),
        metrics_(method_ == nullptr ? service.router_.metrics().unknown()
                                    : *method_->metrics),
        begin_(service.router_.clock().MonotonicNow()) {
    metrics_.Begin();
  }

  void Begin() {
    if (service_.draining()) {
      Fail(ShuttingDown());
    } else if (!service_.calls_.TrySchedule([this] { Admit(); })) {
      Fail(Overloaded("queued_calls"));
    }
  }

  void OnReadDone(bool ok) override {
    if (ServerStream* stream = stream_.load(); stream != nullptr) {
      stream->OnRead(ok);
    } else if (!ok) {
      Fail(MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     "the call brought no request", {{"field", "*"}}));
    } else if (!service_.calls_.TrySchedule([this] { RunUnary(); })) {
      Fail(Overloaded("queued_calls"));
    }
  }

  void OnWriteDone(bool ok) override { stream_.load()->OnWritten(ok); }

  void OnCancel() override {
    cancelled_ = true;
    // A pool thread may be about to set stream_; it looks at cancelled_ after.
    if (ServerStream* stream = stream_.load(); stream != nullptr) {
      stream->OnCancelled();
    }
  }

  void OnDone() override {
    const absl::Duration latency =
        service_.router_.clock().MonotonicNow() - begin_;
    if (owned_stream_ != nullptr) {
      owned_stream_->Done();
      metrics_.EndStream(owned_stream_->final_code());
      service_.RemoveStream(owned_stream_);
    } else if (method_ != nullptr && method_->bidi != nullptr) {
      metrics_.EndStream(code_);
    } else {
      metrics_.End(code_, latency);
    }
    delete this;
  }

  // StreamTransport.
  void Read(grpc::ByteBuffer* buffer) override { StartRead(buffer); }
  void Write(const grpc::ByteBuffer* buffer) override { StartWrite(buffer); }
  void Cancel() override { context_.TryCancel(); }
  void End(grpc::Status status) override { Finish(std::move(status)); }

 private:
  void Fail(const absl::Status& status) {
    code_ = status.code();
    Finish(ToGrpc(status));
  }

  void Admit() {
    const absl::Status status = TryAdmit();
    if (!status.ok()) {
      Fail(status);
    } else if (method_->bidi != nullptr) {
      BeginStream();
    } else {
      StartRead(&buffer_);
    }
  }

  absl::Status TryAdmit() {
    BIRTHMARK_ASSIGN_OR_RETURN(
        caller_, service_.authenticator_.Authenticate(LeafDer(context_)));
    BIRTHMARK_RETURN_IF_ERROR(
        service_.router_.Admit(*caller_, method_, context_.method()));
    deadline_ = Deadline(context_);
    if (method_->unary != nullptr) {
      BIRTHMARK_ASSIGN_OR_RETURN(deadline_,
                                 service_.router_.UnaryDeadline(deadline_));
    }
    return absl::OkStatus();
  }

  CallContext Context() {
    return CallContext(caller_, method_->descriptor->full_name(), deadline_,
                       [this] { return cancelled_.load(); });
  }

  void RunUnary() {
    std::unique_ptr<Message> response(method_->response->New());
    absl::Status status = TryRunUnary(*response);
    if (status.ok()) {
      absl::StatusOr<grpc::ByteBuffer> bytes = WriteMessage(*response);
      if (bytes.ok()) {
        buffer_ = *std::move(bytes);
        code_ = absl::StatusCode::kOk;
        StartWriteAndFinish(&buffer_, grpc::WriteOptions(), grpc::Status::OK);
        return;
      }
      status = std::move(bytes).status();
    }
    Fail(status);
  }

  absl::Status TryRunUnary(Message& response) {
    if (service_.router_.clock().Now() >= deadline_) {
      return absl::DeadlineExceededError(
          "the deadline passed while the call waited for a thread");
    }
    std::unique_ptr<Message> request(method_->request->New());
    BIRTHMARK_RETURN_IF_ERROR(ParseMessage(buffer_, *request));
    buffer_.Clear();
    return method_->unary(Context(), *request, response);
  }

  void BeginStream() {
    // The stream and its handler may outlive this call, so their context must
    // not point to it: they learn of a cancellation by OnCancel.
    auto stream = std::make_shared<ServerStream>(
        service_.router_, *method_,
        CallContext(caller_, method_->descriptor->full_name(), deadline_),
        service_.streams_);
    const absl::Status added = service_.AddStream(stream);
    if (!added.ok()) {
      Fail(added);
      return;
    }
    owned_stream_ = stream;
    stream_ = stream.get();
    const bool gone = cancelled_;
    stream->Begin(this);
    if (gone) {
      stream->OnCancelled();
    }
  }

  GenericService& service_;
  grpc::GenericCallbackServerContext& context_;
  const Router::Method* const method_;
  telemetry::RpcMethodMetrics& metrics_;
  const absl::Duration begin_;

  std::shared_ptr<const Caller> caller_;
  absl::Time deadline_ = absl::InfiniteFuture();
  absl::StatusCode code_ = absl::StatusCode::kUnknown;
  grpc::ByteBuffer buffer_;
  std::shared_ptr<ServerStream> owned_stream_;
  std::atomic<ServerStream*> stream_{nullptr};  // once there is one
  std::atomic<bool> cancelled_{false};
};

GenericService::GenericService(Router& router, Authenticator& authenticator,
                               ThreadPool& calls, ThreadPool& streams)
    : router_(router),
      authenticator_(authenticator),
      calls_(calls),
      streams_(streams) {}

GenericService::~GenericService() = default;

grpc::ServerGenericBidiReactor* GenericService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  auto* call = new Call(*this, *context);
  call->Begin();
  return call;
}

void GenericService::Drain() {
  std::set<std::shared_ptr<ServerStream>> streams;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
    streams = open_streams_;
  }
  for (const auto& stream : streams) {
    stream->Drain();
  }
}

absl::Status GenericService::AddStream(
    const std::shared_ptr<ServerStream>& stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (draining_) {
    return ShuttingDown();
  }
  if (open_streams_.size() >= kMaxStreams) {
    return Overloaded("streams");
  }
  open_streams_.insert(stream);
  return absl::OkStatus();
}

void GenericService::RemoveStream(const std::shared_ptr<ServerStream>& stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  open_streams_.erase(stream);
}

bool GenericService::draining() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return draining_;
}

}  // namespace birthmark::rpc
