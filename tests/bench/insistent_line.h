// InsistentLine is a line that wants its items certified whatever the service
// says: when it is refused, it waits as long as it was told and comes again.
#ifndef BIRTHMARK_TESTS_BENCH_INSISTENT_LINE_H_
#define BIRTHMARK_TESTS_BENCH_INSISTENT_LINE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/rpc/client_stream.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/item_maker.h"

namespace birthmark::bench {

struct InsistentLineOptions {
  std::string parent;  // fleets/{fleet}/lines/{line}
  std::string batch;   // the batch's id
  size_t items_per_message = 100;
  // Sends twice as many items as it may have unanswered.
  bool greedy = false;
};

// Refusals is how often a line was sent away.
struct Refusals {
  // Streams and items that ended with RESOURCE_EXHAUSTED, by reason.
  std::map<std::string, uint64_t> exhausted;
  // Those of them that did not say how long to wait.
  uint64_t without_delay = 0;
  // Any other error, by reason or code.
  std::map<std::string, uint64_t> other;
};

// InsistentLine works from its construction until Stop. Not thread-safe, except
// for certificates().
class InsistentLine {
 public:
  // `channel` must outlive it.
  InsistentLine(rpc::GrpcChannel& channel, InsistentLineOptions options,
                std::vector<Item> items);
  ~InsistentLine();

  // Stop gives up what is unanswered.
  void Stop();

  // certificates is how many items have one.
  uint64_t certificates() const { return certificates_.load(); }
  // After Stop.
  const Refusals& refusals() const { return refusals_; }
  bool ran_dry() const { return certificates_.load() == items_.size(); }

 private:
  using Request = provisioning::v1::IssueBatchRequest;
  using Response = provisioning::v1::IssueBatchResponse;
  using Stream = rpc::ClientStream<Request, Response>;

  void Work();
  // One stream from opening to end.
  absl::Status Converse();
  void Send(Stream& stream, size_t in_flight);
  void Receive(Stream& stream);
  void Take(const Response::Result& result);
  // Notes why it was refused and returns how long to wait.
  absl::Duration Note(const absl::Status& why);
  void Pause(absl::Duration time);

  rpc::GrpcChannel& channel_;
  const InsistentLineOptions options_;
  const std::vector<Item> items_;
  std::atomic<uint64_t> certificates_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_ from here on.
  std::vector<bool> done_;      // by item
  std::deque<size_t> waiting_;  // items to be sent
  size_t unanswered_ = 0;
  bool stopping_ = false;
  bool over_ = false;          // the stream
  absl::Duration not_before_;  // when refused items may be sent again
  Stream* stream_ = nullptr;   // while there is one
  Refusals refusals_;

  std::thread worker_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INSISTENT_LINE_H_
