// IssueStream serves one IssueBatch stream, as the .proto documents it.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ISSUE_STREAM_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ISSUE_STREAM_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/bidi.h"
#include "services/registration/item_issuer.h"
#include "services/registration/metrics.h"

namespace birthmark::registration {

// IssueStream keeps what its client sent in a bounded queue, from which a few
// tasks on `batch_pool` take micro-batches: whatever is waiting, up to
// kMicroBatch, so that a batch grows with the load and an idle line waits for
// nothing. Thread-safe.
class IssueStream
    : public rpc::BidiHandler<provisioning::v1::IssueBatchRequest>,
      public std::enable_shared_from_this<IssueStream> {
 public:
  using Request = provisioning::v1::IssueBatchRequest;
  using Response = provisioning::v1::IssueBatchResponse;

  static constexpr size_t kMicroBatch = 512;
  // Micro-batches of one stream in work at once: while one waits for the
  // database or the CA, others are checked.
  static constexpr int kMaxTasks = 4;
  // What must be waiting before a second task is worth its transaction.
  static constexpr size_t kWorthATask = 64;
  static constexpr int kMaxItemsPerMessage = 1000;
  // While more than this is unanswered nothing more is read. Items of a usual
  // size never come to it: it bounds what hostile ones can occupy.
  static constexpr size_t kMaxUnansweredBytes = size_t{16} << 20;

  // Opened is an open batch and the message that says so.
  struct Opened {
    OpenBatch batch;
    Response::Opened message;
  };
  // Opener authorises the caller for the batch that `open` names and reads it.
  using Opener =
      std::function<absl::StatusOr<Opened>(const Request::Open& open)>;
  // Worker is ItemIssuer::Issue.
  using Worker = std::function<absl::StatusOr<std::vector<Response::Result>>(
      const OpenBatch& batch, const std::vector<Request::Item>& items,
      const std::function<bool()>& stopped)>;

  // `batch_pool` and `metrics` must outlive the stream.
  IssueStream(rpc::BidiStream<Response> stream, Opener opener, Worker worker,
              int max_in_flight, ThreadPool& batch_pool, Metrics& metrics);
  ~IssueStream() override;

  void OnMessage(Request request) override;
  void OnHalfClose() override;
  void OnCancel() override;
  void OnDrain() override;

 private:
  void Open(const Request::Open& open);
  void Accept(Request::Items items);
  void StartTasks();  // mutex_ is held
  void RunTask();
  void Answer(size_t bytes, std::vector<Response::Result> results);
  void End(absl::Status status);
  void EndLocked(absl::Status status);
  void FinishIfDone();  // mutex_ is held
  bool IsEnded() const;

  const rpc::BidiStream<Response> stream_;
  const Opener opener_;
  const Worker worker_;
  const size_t max_in_flight_;
  ThreadPool& batch_pool_;
  Metrics& metrics_;

  // Set by the first message, before there is any task.
  bool opened_ = false;
  OpenBatch batch_;

  mutable std::mutex mutex_;
  std::deque<Request::Item> pending_;  // all below under mutex_
  size_t unanswered_ = 0;              // pending and in work
  size_t unanswered_bytes_ = 0;
  bool paused_ = false;  // the next message is not asked for yet
  int tasks_ = 0;
  bool half_closed_ = false;
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ISSUE_STREAM_H_
