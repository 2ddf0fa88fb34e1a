#include "lib/rpc/grpc_setup.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "grpc/support/log.h"
#include "lib/telemetry/log.h"

namespace birthmark::rpc {
namespace {

void WriteLog(gpr_log_func_args* args) {
  const telemetry::Level level = args->severity == GPR_LOG_SEVERITY_ERROR
                                     ? telemetry::Level::kWarning
                                     : telemetry::Level::kDebug;
  absl::string_view file(args->file);
  file.remove_prefix(
      file.rfind('/') == absl::string_view::npos ? 0 : file.rfind('/') + 1);
  if (absl::StartsWith(args->message, "Refused >= ")) {
    // third_party/grpc_accept.patch: there are no file descriptors left.
    telemetry::Log(telemetry::Level::kError, "connections_refused",
                   {{"error", args->message}});
    return;
  }
  telemetry::Log(level, "grpc", {{"text", args->message}, {"file", file}});
}

}  // namespace

void RouteGrpcLogs() {
  static const bool once = [] {
    gpr_set_log_function(&WriteLog);
    return true;
  }();
  (void)once;
}

}  // namespace birthmark::rpc
