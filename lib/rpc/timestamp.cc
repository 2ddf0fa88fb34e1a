#include "lib/rpc/timestamp.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::rpc {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the ends of Timestamp.
constexpr int64_t kFirstSecond = -62135596800;
constexpr int64_t kLastSecond = 253402300799;

}  // namespace

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  time = std::clamp(time, absl::FromUnixSeconds(kFirstSecond),
                    absl::FromUnixSeconds(kLastSecond));
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  timestamp.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(
      time - absl::FromUnixSeconds(timestamp.seconds()))));
  return timestamp;
}

absl::StatusOr<absl::Time> FromTimestamp(
    const google::protobuf::Timestamp& timestamp, absl::string_view field) {
  if (timestamp.seconds() < kFirstSecond || timestamp.seconds() > kLastSecond ||
      timestamp.nanos() < 0 || timestamp.nanos() > 999'999'999) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     absl::StrCat(field,
                                  " is not a time of the years 1 to "
                                  "9999"),
                     {{"field", field}});
  }
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

}  // namespace birthmark::rpc
