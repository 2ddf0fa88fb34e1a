#include "services/inventory/ca_client.h"

#include <utility>

#include "absl/status/status.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/status_macros.h"

namespace birthmark::inventory {

absl::StatusOr<std::vector<std::string>> CaClient::SignRecords(
    absl::string_view type, absl::Span<const std::string> payloads,
    absl::Duration timeout) {
  std::vector<std::string> signed_records;
  signed_records.reserve(payloads.size());
  while (signed_records.size() < payloads.size()) {
    ca::v1::SignRecordsRequest request;
    request.set_type(std::string(type));
    size_t bytes = 0;
    for (const std::string& payload : payloads.subspan(signed_records.size())) {
      bytes += payload.size();
      const size_t count = static_cast<size_t>(request.payloads_size());
      if (count == kMaxRecords || (count > 0 && bytes > kMaxBytes)) {
        break;
      }
      request.add_payloads(payload);
    }
    BIRTHMARK_ASSIGN_OR_RETURN(
        auto response,
        channel_.Unary<ca::v1::SignRecordsResponse>(
            "birthmark.ca.v1.RecordSigner.SignRecords", request, timeout));
    if (response.jws_size() != request.payloads_size()) {
      return absl::InternalError("the CA signed another number of records");
    }
    for (std::string& jws : *response.mutable_jws()) {
      signed_records.push_back(std::move(jws));
    }
  }
  return signed_records;
}

}  // namespace birthmark::inventory
