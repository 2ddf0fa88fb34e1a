// status turns absl::Status into what travels over gRPC and back: code, text,
// reason, metadata and retry delay survive (google.rpc.Status in the
// grpc-status-details-bin trailer). Thread-safe.
//
// The text of kInternal and kUnknown is for us alone: it is logged here and
// replaced by "internal error", together with whatever else the status held.

#ifndef BIRTHMARK_LIB_RPC_STATUS_H_
#define BIRTHMARK_LIB_RPC_STATUS_H_

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace birthmark::rpc {

// kErrorDomain is the domain of every ErrorInfo that this system sends.
inline constexpr char kErrorDomain[] = "birthmark";

// ToProto returns the wire form, for errors inside messages.
google::rpc::Status ToProto(const absl::Status& status);

// FromProto undoes ToProto. Details of other domains and types are dropped. A
// code that gRPC does not have becomes kUnknown.
absl::Status FromProto(const google::rpc::Status& proto);

// ToGrpc returns `status` for a gRPC handler to return.
grpc::Status ToGrpc(const absl::Status& status);

// FromGrpc returns what a call ended with. Details that do not parse are
// dropped.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_STATUS_H_
