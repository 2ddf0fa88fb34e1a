#include "lib/rpc/grpc_channel.h"

#include <atomic>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/config_protobuf.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/sync_stream.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/grpc_setup.h"
#include "lib/rpc/status.h"
#include "lib/x509/certificate.h"

namespace birthmark::rpc {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageLite;

constexpr int kDefaultMessageBytes = 64 << 20;
// What may come in on a stream before it is read. Where gRPC chooses, it begins
// with 64 KiB, and a stream whose reader paused with more than that on its way
// may stand still until the next keepalive ping.
constexpr int kUnreadBytes = 4 << 20;
constexpr int kMinBackoffMs = 100;
constexpr int kMaxBackoffMs = 2000;
// For one attempt, handshake included: a machine may be busy.
constexpr int kConnectTimeoutMs = 10000;
// How long a call waits for a broken connection to come back, before it says
// that it has not.
constexpr absl::Duration kReconnectWait = absl::Milliseconds(500);

// ToPath turns `a.b.Service.Method` into `/a.b.Service/Method`.
std::string ToPath(absl::string_view method) {
  const size_t dot = method.rfind('.');
  if (dot == absl::string_view::npos) {
    return absl::StrCat("/", method);
  }
  return absl::StrCat("/", method.substr(0, dot), "/", method.substr(dot + 1));
}

absl::string_view LikelyCause(absl::string_view text) {
  if (absl::StrContains(text, "CERTIFICATE_VERIFY_FAILED")) {
    return "its certificate does not chain to the roots given here";
  }
  if (absl::StrContains(text, "Hostname Verification") ||
      absl::StrContains(text, "is not in peer certificate")) {
    return "its certificate is for another name than the server_name given "
           "here";
  }
  if (absl::StrContains(text, "Connection refused") ||
      absl::StrContains(text, "No such file")) {
    return "nothing listens there; is the server running?";
  }
  if (absl::StrContains(text, "DNS resolution") ||
      absl::StrContains(text, "name resolution")) {
    return "the host name cannot be resolved";
  }
  if (absl::StrContains(text, "andshake") ||
      absl::StrContains(text, "WRONG_VERSION_NUMBER")) {
    return "the TLS handshake failed; it speaks TLS 1.3 and wants a client "
           "certificate";
  }
  return "the connection broke";
}

}  // namespace

struct GrpcChannel::Impl {
  GrpcChannelOptions options;
  std::shared_ptr<grpc::Channel> channel;

  // TryToReconnect gives a connection that was lost a chance before a call.
  // gRPC goes on trying by itself, but nobody reads from its sockets between
  // blocking calls: a handshake that began then has timed out, and the next
  // attempt may be two seconds off, for which calls would fail at once.
  void TryToReconnect() const {
    if (channel->GetState(/*try_to_connect=*/true) ==
        GRPC_CHANNEL_TRANSIENT_FAILURE) {
      grpc::experimental::ChannelResetConnectionBackoff(channel.get());
      channel->WaitForConnected(
          absl::ToChronoTime(Clock::Real().Now() + kReconnectWait));
    }
  }

  // Convert is FromGrpc, with words for errors that no server has sent: those
  // of our servers always have details.
  absl::Status Convert(const grpc::Status& status, bool cancelled_here) const {
    if (!status.error_details().empty()) {
      return FromGrpc(status);
    }
    if (status.error_code() == grpc::StatusCode::CANCELLED && !cancelled_here) {
      // How gRPC ends a call that met a server on its way out.
      return absl::UnavailableError(
          absl::StrCat(options.server_name, " at ", options.address,
                       " dropped the call; it is shutting down"));
    }
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      return absl::UnavailableError(absl::StrCat(
          "cannot reach ", options.server_name, " at ", options.address, ": ",
          LikelyCause(status.error_message()), " (", status.error_message(),
          ")"));
    }
    return FromGrpc(status);
  }
};

namespace {

class GrpcClientStream : public RawClientStream {
 public:
  using Stream = grpc::ClientReaderWriter<MessageLite, MessageLite>;

  GrpcClientStream(
      grpc::Channel& channel, std::string path,
      std::function<absl::Status(const grpc::Status&, bool)> convert)
      : path_(std::move(path)),
        convert_(std::move(convert)),
        stream_(grpc::internal::
                    ClientReaderWriterFactory<MessageLite, MessageLite>::Create(
                        &channel,
                        grpc::internal::RpcMethod(
                            path_.c_str(),
                            grpc::internal::RpcMethod::BIDI_STREAMING),
                        &context_)) {}

  ~GrpcClientStream() override {
    if (!finished_) {
      context_.TryCancel();
      stream_->Finish();
    }
  }

  bool Write(const Message& request) override {
    return stream_->Write(request);
  }
  bool WritesDone() override { return stream_->WritesDone(); }
  bool Read(Message& response) override { return stream_->Read(&response); }
  absl::Status Finish() override {
    finished_ = true;
    const grpc::Status status = stream_->Finish();
    return convert_(status, cancelled_);
  }
  void Cancel() override {
    cancelled_ = true;
    context_.TryCancel();
  }

 private:
  grpc::ClientContext context_;
  const std::string path_;
  const std::function<absl::Status(const grpc::Status&, bool)> convert_;
  const std::unique_ptr<Stream> stream_;
  bool finished_ = false;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcChannel>> GrpcChannel::New(
    const GrpcChannelOptions& options) {
  RouteGrpcLogs();
  if (options.address.empty() || options.server_name.empty()) {
    return absl::InvalidArgumentError(
        "a channel needs an address and a server name");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string roots,
                             ReadFile(options.roots_file));
  const auto parsed = x509::Certificate::ParsePem(roots);
  if (!parsed.ok()) {
    return absl::Status(
        parsed.status().code(),
        absl::StrCat(options.roots_file, ": ", parsed.status().message()));
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckIdentity(options.identity));

  grpc::experimental::TlsChannelCredentialsOptions tls;
  tls.set_certificate_provider(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          options.identity.private_key, options.identity.certificate,
          options.roots_file, kReloadSeconds));
  tls.watch_root_certs();
  tls.watch_identity_key_cert_pairs();

  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(options.server_name);
  arguments.SetMaxReceiveMessageSize(
      options.message_bytes > 0 ? options.message_bytes : kDefaultMessageBytes);
  // Channels with different identities must never share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kUnreadBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinBackoffMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxBackoffMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);

  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->channel = grpc::CreateCustomChannel(
      options.address, grpc::experimental::TlsCredentials(tls), arguments);
  return std::unique_ptr<GrpcChannel>(new GrpcChannel(std::move(impl)));
}

GrpcChannel::GrpcChannel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GrpcChannel::~GrpcChannel() = default;

absl::Status GrpcChannel::DoUnary(absl::string_view method,
                                  const Message& request, Message& response,
                                  absl::Duration timeout) {
  impl_->TryToReconnect();
  grpc::ClientContext context;
  if (timeout != absl::InfiniteDuration()) {
    context.set_deadline(absl::ToChronoTime(Clock::Real().Now() + timeout));
  }
  const std::string path = ToPath(method);
  return impl_->Convert(
      grpc::internal::BlockingUnaryCall<MessageLite, MessageLite>(
          impl_->channel.get(),
          grpc::internal::RpcMethod(path.c_str(),
                                    grpc::internal::RpcMethod::NORMAL_RPC),
          &context, request, &response),
      /*cancelled_here=*/false);
}

std::unique_ptr<RawClientStream> GrpcChannel::DoBidi(absl::string_view method) {
  impl_->TryToReconnect();
  return std::make_unique<GrpcClientStream>(
      *impl_->channel, ToPath(method),
      [impl = impl_.get()](const grpc::Status& status, bool cancelled) {
        return impl->Convert(status, cancelled);
      });
}

}  // namespace birthmark::rpc
