// timestamp turns absl::Time into google.protobuf.Timestamp and back. Pure
// functions.

#ifndef BIRTHMARK_LIB_RPC_TIMESTAMP_H_
#define BIRTHMARK_LIB_RPC_TIMESTAMP_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace birthmark::rpc {

// ToTimestamp returns `time`, clamped to the years 1 to 9999 that the wire form
// has.
google::protobuf::Timestamp ToTimestamp(absl::Time time);

// FromTimestamp returns the time in the request's field `field`.
// kInvalidArgument / INVALID_FIELD if it is out of range.
absl::StatusOr<absl::Time> FromTimestamp(
    const google::protobuf::Timestamp& timestamp, absl::string_view field);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_TIMESTAMP_H_
