#include "lib/rpc/status.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "lib/base/error.h"
#include "lib/telemetry/log.h"

namespace birthmark::rpc {
namespace {

// gRPC refuses trailers of more than 8 KiB, and the client would then see no
// error at all: texts and metadata that a caller may have had a hand in are
// cut.
constexpr size_t kMaxText = 2048;
constexpr size_t kMaxMetadataValue = 256;
constexpr size_t kMaxMetadataEntries = 16;

bool HidesText(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kUnknown;
}

// Cut shortens `text` to `limit` bytes without splitting a UTF-8 character.
std::string Cut(absl::string_view text, size_t limit) {
  if (text.size() > limit) {
    while (limit > 0 && (static_cast<uint8_t>(text[limit]) & 0xc0) == 0x80) {
      --limit;
    }
    text = text.substr(0, limit);
  }
  return std::string(text);
}

// ToUtf8 returns `text` with what is no UTF-8 replaced: protobuf would refuse
// to carry it.
std::string ToUtf8(std::string text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80           ? 1
                          : (lead >> 5) == 0x06 ? 2
                          : (lead >> 4) == 0x0e ? 3
                          : (lead >> 3) == 0x1e ? 4
                                                : 0;
    bool good = length > 0 && i + length <= text.size();
    for (size_t j = 1; good && j < length; ++j) {
      good = (static_cast<uint8_t>(text[i + j]) & 0xc0) == 0x80;
    }
    if (good) {
      i += length;
    } else {
      text[i++] = '?';
    }
  }
  return text;
}

google::rpc::ErrorInfo ToDetail(const ErrorInfo& info) {
  google::rpc::ErrorInfo detail;
  detail.set_reason(info.reason);
  detail.set_domain(kErrorDomain);
  for (const auto& [key, value] : info.metadata) {
    if (detail.metadata().size() == kMaxMetadataEntries) {
      break;
    }
    (*detail.mutable_metadata())[key] = ToUtf8(Cut(value, kMaxMetadataValue));
  }
  return detail;
}

}  // namespace

google::rpc::Status ToProto(const absl::Status& status) {
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  if (status.ok()) {
    return proto;
  }
  if (HidesText(status.code())) {
    telemetry::Log(telemetry::Level::kError, "internal_error",
                   {{"code", absl::StatusCodeToString(status.code())},
                    {"reason", Reason(status)},
                    {"error", status.message()}});
    proto.set_message("internal error");
    return proto;
  }
  proto.set_message(ToUtf8(Cut(status.message(), kMaxText)));
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  if (!info.has_value()) {
    return proto;
  }
  if (!info->reason.empty() || !info->metadata.empty()) {
    proto.add_details()->PackFrom(ToDetail(*info));
  }
  if (info->retry_after.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t nanos = absl::ToInt64Nanoseconds(*info->retry_after);
    retry.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(nanos % 1'000'000'000));
    proto.add_details()->PackFrom(retry);
  }
  return proto;
}

absl::Status FromProto(const google::rpc::Status& proto) {
  auto code = static_cast<absl::StatusCode>(proto.code());
  if (proto.code() < 0 || proto.code() > 16) {
    code = absl::StatusCode::kUnknown;
  }
  absl::Status status(code, proto.message());
  if (status.ok()) {
    return status;
  }
  ErrorInfo info;
  bool found = false;
  for (const auto& any : proto.details()) {
    google::rpc::ErrorInfo detail;
    google::rpc::RetryInfo retry;
    if (any.Is<google::rpc::ErrorInfo>() && any.UnpackTo(&detail) &&
        detail.domain() == kErrorDomain) {
      info.reason = detail.reason();
      info.metadata.insert(detail.metadata().begin(), detail.metadata().end());
      found = true;
    } else if (any.Is<google::rpc::RetryInfo>() && any.UnpackTo(&retry)) {
      info.retry_after = absl::Seconds(retry.retry_delay().seconds()) +
                         absl::Nanoseconds(retry.retry_delay().nanos());
      found = true;
    }
  }
  return found ? WithErrorInfo(std::move(status), info) : status;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  const google::rpc::Status proto = ToProto(status);
  return grpc::Status(static_cast<grpc::StatusCode>(proto.code()),
                      proto.message(), proto.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  google::rpc::Status proto;
  if (!proto.ParseFromString(status.error_details())) {
    proto.Clear();
  }
  // The status itself is what counts, should the two differ.
  proto.set_code(status.error_code());
  proto.set_message(status.error_message());
  return FromProto(proto);
}

}  // namespace birthmark::rpc
