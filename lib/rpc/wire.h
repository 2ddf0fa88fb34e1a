// wire turns messages into gRPC's byte buffers and back. Private to lib/rpc.
// Pure functions.

#ifndef BIRTHMARK_LIB_RPC_WIRE_H_
#define BIRTHMARK_LIB_RPC_WIRE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"

namespace birthmark::rpc {

// ParseMessage reads `buffer` into `message`. kInvalidArgument / INVALID_FIELD.
absl::Status ParseMessage(grpc::ByteBuffer& buffer,
                          google::protobuf::Message& message);

// WriteMessage returns the bytes of `message`. kInternal if it cannot be
// encoded, e.g. because it is longer than 2 GiB.
absl::StatusOr<grpc::ByteBuffer> WriteMessage(
    const google::protobuf::Message& message);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_WIRE_H_
