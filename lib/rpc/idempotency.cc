#include "lib/rpc/idempotency.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"

namespace birthmark::rpc {
namespace {

// Serialises maps in a fixed order, so that equal requests have equal hashes.
std::string HashOf(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return crypto::Sha256(bytes);
}

// Returns whether there was an answer, which it puts into `response`.
absl::StatusOr<bool> FindAnswer(storage::RequestStore& store,
                                const storage::RequestRecord& key,
                                google::protobuf::Message& response) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::optional<std::string> answer,
      store.Find(key.caller, key.method, key.request_id, key.request_hash));
  if (!answer.has_value()) {
    return false;
  }
  if (!response.ParseFromString(*answer)) {
    return absl::DataLossError("a recorded answer does not parse");
  }
  return true;
}

}  // namespace

absl::Status RunOnceUntyped(
    storage::RequestStore& store, const CallContext& context,
    const google::protobuf::Message& request, absl::string_view request_id,
    google::protobuf::Message& response,
    const std::function<absl::Status(const Recorder& record)>& work,
    LookFirst look_first) {
  if (request_id.empty()) {
    return work([](const google::protobuf::Message&) { return std::nullopt; });
  }
  if (!IsRequestId(request_id)) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     "request_id must be a random UUID (version 4) in lower "
                     "case, or absent",
                     {{"field", "request_id"}});
  }
  storage::RequestRecord key;
  key.caller = context.caller().actor;
  key.method = context.method();
  key.request_id = std::string(request_id);
  key.request_hash = HashOf(request);
  if (look_first == LookFirst::kYes) {
    BIRTHMARK_ASSIGN_OR_RETURN(bool found, FindAnswer(store, key, response));
    if (found) {
      return absl::OkStatus();
    }
  }
  absl::Status status = work([&key](const google::protobuf::Message& answer) {
    storage::RequestRecord record = key;
    record.response = answer.SerializeAsString();
    return std::make_optional(std::move(record));
  });
  if (status.ok()) {
    return status;
  }
  // The same request may have been done meanwhile, by a connection that the
  // caller has given up: then `work` failed because it was done already.
  absl::StatusOr<bool> done = FindAnswer(store, key, response);
  if (done.ok()) {
    return *done ? absl::OkStatus() : status;
  }
  return Reason(done.status()) == reasons::kRequestIdReused ? done.status()
                                                            : status;
}

}  // namespace birthmark::rpc
