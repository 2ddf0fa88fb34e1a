// Lane is one provisioning stream of a line, for tests that race several.
#ifndef BIRTHMARK_TESTS_INTEGRATION_RACE_LANE_H_
#define BIRTHMARK_TESTS_INTEGRATION_RACE_LANE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {

// LaneItem is what a line wants certified.
struct LaneItem {
  std::string id;
  std::string csr_der;
  std::string spki_sha256;
  std::string serial_number;
};

// Told is what the line was told about an item.
struct Told {
  std::string certificate_der;  // empty: refused
  std::string reason;
};

// Lane is used by one thread; Cancel by any.
class Lane {
 public:
  static constexpr char kModel[] = "gateway-7";

  // `role` is the process to talk to, `identity` the folder of FLEET/LINE.
  Lane(const Deployment& deployment, const std::string& role,
       const std::string& identity, std::string fleet, std::string line);

  // Open makes the batch if it is not there and opens the stream.
  absl::Status Open(const std::string& batch);

  // Issue sends `items` in random order in messages of random size, and returns
  // the answers in the order of `items`. Fails with what the stream ended with.
  absl::StatusOr<std::vector<Told>> Issue(const std::vector<LaneItem>& items,
                                          std::mt19937& random);

  void Cancel();

  const std::string& fleet() const { return fleet_; }
  // batch is the resource name of the open batch.
  const std::string& batch() const { return batch_; }

 private:
  using Request = provisioning::v1::IssueBatchRequest;
  using Response = provisioning::v1::IssueBatchResponse;

  const std::string fleet_;
  const std::string line_;
  std::string batch_;
  std::unique_ptr<rpc::GrpcChannel> channel_;
  std::optional<rpc::ClientStream<Request, Response>> stream_;
  size_t max_in_flight_ = 0;
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_INTEGRATION_RACE_LANE_H_
