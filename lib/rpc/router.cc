#include "lib/rpc/router.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "birthmark/options/v1/access.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::rpc {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

[[noreturn]] void Die(absl::string_view method, const char* what) {
  std::fprintf(stderr, "method %s: %s\n", std::string(method).c_str(), what);
  std::abort();
}

absl::Status NotServed(absl::string_view name, absl::string_view text) {
  return MakeError(absl::StatusCode::kUnimplemented, reasons::kMethodNotServed,
                   text, {{"method", name}});
}

}  // namespace

Router::Router(Options options, Clock& clock, telemetry::RpcMetrics& metrics)
    : options_(std::move(options)), clock_(clock), metrics_(metrics) {}

Router::~Router() = default;

void Router::AddService(const google::protobuf::ServiceDescriptor& service) {
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor* descriptor = service.method(i);
    Method& method = methods_[descriptor->full_name()];
    if (method.descriptor != nullptr) {
      continue;
    }
    method.descriptor = descriptor;
    method.metrics = &metrics_.Method(descriptor->full_name());
    const auto& allowed =
        descriptor->options().GetExtension(options::v1::allowed_roles);
    for (const int role : allowed.role()) {
      method.allowed_roles.push_back(static_cast<options::v1::Role>(role));
    }
    method.open_to_decommissioning = descriptor->options().GetExtension(
        options::v1::open_to_decommissioning);
    by_path_[absl::StrCat("/", service.full_name(), "/", descriptor->name())] =
        &method;
  }
}

Router::Method& Router::Checked(absl::string_view method,
                                const Message& request,
                                const Message& response) {
  const auto found = methods_.find(method);
  if (found == methods_.end()) {
    Die(method, "its service was not added");
  }
  Method& known = found->second;
  if (known.descriptor->input_type() != request.GetDescriptor() ||
      known.descriptor->output_type() != response.GetDescriptor()) {
    Die(method, "the handler has other types");
  }
  if (known.unary != nullptr || known.bidi != nullptr) {
    Die(method, "has a handler already");
  }
  known.request = &request;
  known.response = &response;
  return known;
}

void Router::SetUnary(absl::string_view method, const Message& request,
                      const Message& response, RawUnary run) {
  Method& known = Checked(method, request, response);
  if (known.descriptor->client_streaming() ||
      known.descriptor->server_streaming()) {
    Die(method, "is not unary");
  }
  known.unary = std::move(run);
}

void Router::SetBidi(absl::string_view method, const Message& request,
                     const Message& response, RawBidi make) {
  Method& known = Checked(method, request, response);
  if (!known.descriptor->server_streaming()) {
    Die(method, "does not stream answers");
  }
  known.bidi = std::move(make);
}

const Router::Method* Router::Find(absl::string_view name_or_path) const {
  if (!name_or_path.empty() && name_or_path.front() == '/') {
    const auto found = by_path_.find(name_or_path);
    return found == by_path_.end() ? nullptr : found->second;
  }
  const auto found = methods_.find(name_or_path);
  return found == methods_.end() ? nullptr : &found->second;
}

absl::Status Router::Admit(const Caller& caller, const Method* method,
                           absl::string_view name) const {
  if (options_.status_gate != nullptr) {
    BIRTHMARK_RETURN_IF_ERROR(options_.status_gate(
        caller, method != nullptr && method->open_to_decommissioning));
  }
  if (method == nullptr) {
    return NotServed(name, "there is no such method");
  }
  const std::string& full_name = method->descriptor->full_name();
  if (caller.role == options::v1::ROLE_UNSPECIFIED ||
      std::find(method->allowed_roles.begin(), method->allowed_roles.end(),
                caller.role) == method->allowed_roles.end()) {
    return MakeError(
        absl::StatusCode::kPermissionDenied, reasons::kCallerNotAllowed,
        absl::StrCat(full_name, " is not open to callers of the role ",
                     RoleName(caller.role), "; ask an operator"),
        {{"method", full_name}, {"caller", caller.actor}});
  }
  if (method->unary == nullptr && method->bidi == nullptr) {
    return NotServed(full_name, absl::StrCat(full_name, " is not served here"));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> Router::UnaryDeadline(absl::Time asked) const {
  const absl::Time now = clock_.Now();
  if (asked <= now) {
    return absl::DeadlineExceededError(
        "the deadline passed before the call was begun");
  }
  if (asked == absl::InfiniteFuture()) {
    return now + options_.default_deadline;
  }
  return std::min(asked, now + options_.max_deadline);
}

absl::Status Router::Call(std::shared_ptr<const Caller> caller,
                          absl::string_view name, absl::Time deadline,
                          const Message& request, Message& response) const {
  const Method* method = Find(name);
  telemetry::RpcMethodMetrics& metrics =
      method == nullptr ? metrics_.unknown() : *method->metrics;
  const absl::Duration begin = clock_.MonotonicNow();
  metrics.Begin();
  const absl::Status status = [&]() -> absl::Status {
    BIRTHMARK_RETURN_IF_ERROR(Admit(*caller, method, name));
    BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time until, UnaryDeadline(deadline));
    if (method->unary == nullptr) {
      return NotServed(name, "streams have no local form");
    }
    if (request.GetDescriptor() != method->descriptor->input_type() ||
        response.GetDescriptor() != method->descriptor->output_type()) {
      return absl::InternalError(
          absl::StrCat(name, " was called with other types"));
    }
    return method->unary(
        CallContext(caller, method->descriptor->full_name(), until), request,
        response);
  }();
  metrics.End(status.code(), clock_.MonotonicNow() - begin);
  return status;
}

}  // namespace birthmark::rpc
