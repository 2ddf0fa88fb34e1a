// LineLoad is one provisioning line under full load: a stream that always has
// as many items unanswered as it may, over a connection of its own.
#ifndef BIRTHMARK_TESTS_BENCH_LINE_LOAD_H_
#define BIRTHMARK_TESTS_BENCH_LINE_LOAD_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/rpc/client_stream.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/item_maker.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// NewLine creates the line `id` in the fleet "bench" and returns a channel with
// its identity. Ends the program if that fails.
std::unique_ptr<rpc::GrpcChannel> NewLine(tests::Deployment& deployment,
                                          const std::string& id);

// Answer is one certificate that came.
struct Answer {
  absl::Duration time;     // when, on the monotonic clock
  absl::Duration latency;  // since its item was handed to the network
};

struct LineLoadOptions {
  std::string parent;  // fleets/{fleet}/lines/{line}
  std::string batch;   // the batch's id
  size_t items_per_message = 100;
  // Items unanswered; 0: as many as the server allows.
  size_t in_flight = 0;
  // Every so many items, keep the certificate.
  size_t sample_every = 500;
};

// LineLoad is not thread-safe, except for certificates() and Broken().
class LineLoad {
 public:
  // Creates the batch and opens the stream. `channel` must outlive the load.
  LineLoad(rpc::GrpcChannel& channel, LineLoadOptions options,
           std::vector<Item> items);
  // Stops.
  ~LineLoad();

  // Start begins to send.
  void Start();
  // Stop sends no more, waits for what is unanswered, and returns how the
  // stream ended.
  absl::Status Stop();
  // Finish sends everything, waits for the answers, and returns how the stream
  // ended.
  absl::Status Finish();

  // certificates is how many have come.
  uint64_t certificates() const { return certificates_.load(); }
  // RanDry says whether all items are sent: the load is no full one any more.
  bool RanDry() const { return ran_dry_.load(); }

  // After Stop.
  const std::vector<Answer>& answers() const { return answers_; }
  // errors counts the items that were refused, by reason.
  const std::map<std::string, uint64_t>& errors() const { return errors_; }
  struct Sample {
    size_t number;  // of the item
    std::string csr_der;
    std::string certificate_der;
  };
  const std::vector<Sample>& samples() const { return samples_; }
  // issuers are the certificates that the server named (DER).
  const std::vector<std::string>& issuers() const { return issuers_; }

 private:
  using Stream = rpc::ClientStream<provisioning::v1::IssueBatchRequest,
                                   provisioning::v1::IssueBatchResponse>;

  void Open(rpc::GrpcChannel& channel);
  void Send();
  void Receive();
  void Take(provisioning::v1::IssueBatchResponse::Result& result,
            absl::Duration now);

  const LineLoadOptions options_;
  std::vector<Item> items_;
  std::unique_ptr<Stream> stream_;
  size_t in_flight_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::Duration> sent_;  // when each item was; under mutex_
  size_t unanswered_ = 0;             // under mutex_
  bool stopping_ = false;             // under mutex_
  bool broken_ = false;               // under mutex_

  std::atomic<uint64_t> certificates_{0};
  std::atomic<bool> ran_dry_{false};
  std::vector<Answer> answers_;
  std::map<std::string, uint64_t> errors_;
  std::vector<Sample> samples_;
  std::vector<std::string> issuers_;
  absl::Status status_;
  std::thread sender_;
  std::thread receiver_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_LINE_LOAD_H_
