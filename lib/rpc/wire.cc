#include "lib/rpc/wire.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/impl/codegen/config_protobuf.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::rpc {

using Traits = grpc::SerializationTraits<google::protobuf::MessageLite>;

absl::Status ParseMessage(grpc::ByteBuffer& buffer,
                          google::protobuf::Message& message) {
  if (!Traits::Deserialize(&buffer, &message).ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     absl::StrCat("the request is no ",
                                  message.GetDescriptor()->full_name()),
                     {{"field", "*"}});
  }
  return absl::OkStatus();
}

absl::StatusOr<grpc::ByteBuffer> WriteMessage(
    const google::protobuf::Message& message) {
  grpc::ByteBuffer buffer;
  bool own = false;
  if (!Traits::Serialize(message, &buffer, &own).ok()) {
    return absl::InternalError(absl::StrCat(
        message.GetDescriptor()->full_name(), " cannot be encoded"));
  }
  return buffer;
}

}  // namespace birthmark::rpc
