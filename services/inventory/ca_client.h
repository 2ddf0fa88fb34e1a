// CaClient asks the role `ca` for what only issuer keys can make.

#ifndef BIRTHMARK_SERVICES_INVENTORY_CA_CLIENT_H_
#define BIRTHMARK_SERVICES_INVENTORY_CA_CLIENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/rpc/channel.h"

namespace birthmark::inventory {

// CaClient is thread-safe. The channel must outlive it.
class CaClient {
 public:
  static constexpr absl::Duration kTimeout = absl::Seconds(30);
  // The most of one call, so that a message stays below its limit of 4 MiB.
  static constexpr size_t kMaxRecords = 500;
  static constexpr size_t kMaxBytes = size_t{2} << 20;

  explicit CaClient(rpc::Channel& channel) : channel_(channel) {}

  // SignRecords returns one JWS in compact form for each of `payloads` (JSON,
  // at most 64 KiB each), in their order; `type` becomes the header `typ`. Many
  // take several calls, each of which has `timeout`. Fails with what the CA
  // says, kUnavailable or kDeadlineExceeded, and kInternal if the answer does
  // not fit.
  absl::StatusOr<std::vector<std::string>> SignRecords(
      absl::string_view type, absl::Span<const std::string> payloads,
      absl::Duration timeout = kTimeout);

 private:
  rpc::Channel& channel_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_CA_CLIENT_H_
