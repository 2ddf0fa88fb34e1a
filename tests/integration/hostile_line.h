// HostileLine is a line that sends as fast as it can, on many streams, and
// never reads an answer.
#ifndef BIRTHMARK_TESTS_INTEGRATION_HOSTILE_LINE_H_
#define BIRTHMARK_TESTS_INTEGRATION_HOSTILE_LINE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {

// HostileLine works from its construction until it is destroyed.
class HostileLine {
 public:
  // `identity` is the folder of the line FLEET/LINE.
  HostileLine(const Deployment& deployment, const std::string& identity,
              const std::string& fleet, const std::string& line, int streams);
  ~HostileLine();

  // sent is how many items were written, answered or not.
  uint64_t sent() const { return sent_.load(); }
  // opened is how many streams were let in so far.
  uint64_t opened() const { return opened_.load(); }

 private:
  using Request = provisioning::v1::IssueBatchRequest;
  using Response = provisioning::v1::IssueBatchResponse;
  using Stream = rpc::ClientStream<Request, Response>;

  void Work(int number);
  void Flood(Stream& stream, const std::string& prefix);

  std::string batch_;
  std::unique_ptr<rpc::GrpcChannel> channel_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> opened_{0};
  std::mutex mutex_;
  bool stopping_ = false;      // under mutex_
  std::set<Stream*> streams_;  // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_INTEGRATION_HOSTILE_LINE_H_
