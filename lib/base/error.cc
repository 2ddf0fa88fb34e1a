#include "lib/base/error.h"

#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "lib/base/bytes.h"

namespace birthmark {
namespace {

// The payload is: the reason; one flag byte, then the delay in nanoseconds if
// it is 1; then key and value, over and over. Every text has its length, four
// bytes, in front.

void AppendText(absl::string_view text, std::string& out) {
  AppendUint32(static_cast<uint32_t>(text.size()), out);
  out.append(text.data(), text.size());
}

bool ReadText(absl::string_view& in, std::string& text) {
  absl::string_view rest = in;
  uint32_t length = 0;
  if (!ReadUint32(rest, length) || rest.size() < length) {
    return false;
  }
  text.assign(rest.data(), length);
  in = rest.substr(length);
  return true;
}

std::string Encode(const ErrorInfo& info) {
  std::string out;
  AppendText(info.reason, out);
  out.push_back(info.retry_after.has_value() ? '\1' : '\0');
  if (info.retry_after.has_value()) {
    AppendUint64(
        static_cast<uint64_t>(absl::ToInt64Nanoseconds(*info.retry_after)),
        out);
  }
  for (const auto& [key, value] : info.metadata) {
    AppendText(key, out);
    AppendText(value, out);
  }
  return out;
}

std::optional<ErrorInfo> Decode(absl::string_view in) {
  ErrorInfo info;
  if (!ReadText(in, info.reason) || in.empty()) {
    return std::nullopt;
  }
  const bool has_delay = in[0] == '\1';
  in.remove_prefix(1);
  if (has_delay) {
    uint64_t nanoseconds = 0;
    if (!ReadUint64(in, nanoseconds)) {
      return std::nullopt;
    }
    info.retry_after = absl::Nanoseconds(static_cast<int64_t>(nanoseconds));
  }
  while (!in.empty()) {
    std::string key;
    std::string value;
    if (!ReadText(in, key) || !ReadText(in, value)) {
      return std::nullopt;
    }
    info.metadata.emplace(std::move(key), std::move(value));
  }
  return info;
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason,
                       absl::string_view text, ErrorMetadata metadata) {
  ErrorInfo info;
  info.reason = std::string(reason);
  for (const auto& [key, value] : metadata) {
    info.metadata.emplace(std::string(key), std::string(value));
  }
  return WithErrorInfo(absl::Status(code, text), info);
}

absl::Status WithErrorInfo(absl::Status status, const ErrorInfo& info) {
  if (!status.ok()) {
    status.SetPayload(kErrorInfoTypeUrl, absl::Cord(Encode(info)));
  }
  return status;
}

absl::Status WithMetadata(absl::Status status, absl::string_view key,
                          absl::string_view value) {
  ErrorInfo info = GetErrorInfo(status).value_or(ErrorInfo{});
  info.metadata.emplace(std::string(key), std::string(value));
  return WithErrorInfo(std::move(status), info);
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  ErrorInfo info = GetErrorInfo(status).value_or(ErrorInfo{});
  info.retry_after = delay;
  return WithErrorInfo(std::move(status), info);
}

std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrorInfoTypeUrl);
  if (!payload.has_value()) {
    return std::nullopt;
  }
  return Decode(std::string(*payload));
}

std::string Reason(const absl::Status& status) {
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  return info.has_value() ? info->reason : std::string();
}

}  // namespace birthmark
