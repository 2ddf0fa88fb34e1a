// RunOnce answers the repeat of a unary mutation from the record.
//
//   return rpc::RunOnce<Fleet>(
//       requests_, context, request,
//       [&](const rpc::Recorder& record) -> absl::StatusOr<Fleet> {
//         ... fleet is the answer ...
//         storage::Mutation mutation{.audit = ..., .request = record(fleet)};
//         BIRTHMARK_RETURN_IF_ERROR(fleets_.Create(row, mutation));
//         return fleet;
//       });

#ifndef BIRTHMARK_LIB_RPC_IDEMPOTENCY_H_
#define BIRTHMARK_LIB_RPC_IDEMPOTENCY_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "lib/rpc/call_context.h"
#include "lib/storage/mutation.h"
#include "lib/storage/request_store.h"

namespace birthmark::rpc {

// Recorder makes the record that goes into the mutation with its answer:
// nothing if the caller gave no request id.
using Recorder = std::function<std::optional<storage::RequestRecord>(
    const google::protobuf::Message& response)>;

// Whether an earlier answer is looked for first, or only once the work has
// failed: cheaper if nearly every request is new, for work that fails with
// kAborted if the request id is taken.
enum class LookFirst { kYes, kNo };

// RunOnceUntyped is RunOnce for a `response` that is filled by `work` or from
// the record.
absl::Status RunOnceUntyped(
    storage::RequestStore& store, const CallContext& context,
    const google::protobuf::Message& request, absl::string_view request_id,
    google::protobuf::Message& response,
    const std::function<absl::Status(const Recorder& record)>& work,
    LookFirst look_first = LookFirst::kYes);

// RunOnce returns what is recorded for this caller, method and
// request.request_id(), if there is something; else what `work` returns. If
// `work` fails because the same request was faster elsewhere, that answer is
// returned. kInvalidArgument / INVALID_FIELD for a request id that is not a
// UUID4 in lower case, REQUEST_ID_REUSED if the id came with another request.
template <typename Response, typename Request, typename Work>
absl::StatusOr<Response> RunOnce(storage::RequestStore& store,
                                 const CallContext& context,
                                 const Request& request, const Work& work,
                                 LookFirst look_first = LookFirst::kYes) {
  Response response;
  absl::Status status = RunOnceUntyped(
      store, context, request, request.request_id(), response,
      [&](const Recorder& record) -> absl::Status {
        absl::StatusOr<Response> result = work(record);
        if (!result.ok()) {
          return std::move(result).status();
        }
        response = *std::move(result);
        return absl::OkStatus();
      },
      look_first);
  if (!status.ok()) {
    return status;
  }
  return response;
}

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_IDEMPOTENCY_H_
