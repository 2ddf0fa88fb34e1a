// IssueStream serves one IssueBatch stream, as the .proto documents it.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ISSUE_STREAM_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ISSUE_STREAM_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/bidi.h"
#include "services/registration/item_issuer.h"
#include "services/registration/metrics.h"
#include "services/registration/windows.h"

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
  // While more bytes than this for each item of the window are unanswered
  // nothing more is read. Items of a usual size never come to it: it bounds
  // what hostile ones can occupy.
  static constexpr size_t kBytesPerItem = size_t{8} << 10;
  // A stream on which nothing has happened for so long ends: it holds a window.
  static constexpr absl::Duration kMaxIdle = absl::Minutes(5);
  // How long a stream may go on while others wait for a window.
  static constexpr absl::Duration kTurn = absl::Minutes(1);
  // How long a client may leave its answers unread while others wait for a
  // window.
  static constexpr absl::Duration kMaxStalled = absl::Seconds(5);
  // How long a stream that has ended waits for its client to read the rest.
  static constexpr absl::Duration kLinger = absl::Seconds(10);

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

  // `windows`, `batch_pool`, `clock` and `metrics` must outlive the stream.
  IssueStream(rpc::BidiStream<Response> stream, Opener opener, Worker worker,
              Windows& windows, ThreadPool& batch_pool, Clock& clock,
              Metrics& metrics);
  ~IssueStream() override;

  void OnMessage(Request request) override;
  void OnHalfClose() override;
  void OnCancel() override;
  void OnDrain() override;

  // Tick is for every second or so. It ends the stream if it is idle, and cuts
  // it off if it has ended but its client does not read.
  void Tick(absl::Duration now);

  // DropIfStalled cuts the stream off, and has its line refused for a while, if
  // its client leaves its answers unread. For when others wait for a window.
  void DropIfStalled(absl::Duration now);

  // GiveWay has the stream end when what it has taken is answered, so that
  // others get a window, if it has had its turn. False if it has not, or is
  // ending anyway.
  bool GiveWay(absl::Duration now);

 private:
  void Open(const Request::Open& open);
  void Accept(Request::Items items);
  void StartTasks();  // mutex_ is held
  void RunTask();
  void Answer(size_t bytes, std::vector<Response::Result> results);
  void End(absl::Status status);
  void EndLocked(absl::Status status);
  // Takes nothing more and ends with `status` when all is answered.
  void Leave(absl::Status status);
  void FinishIfDone();  // mutex_ is held
  size_t MaxBytes() const { return window_->size() * kBytesPerItem; }
  bool IsEnded() const;

  const rpc::BidiStream<Response> stream_;
  const Opener opener_;
  const Worker worker_;
  Windows& windows_;
  ThreadPool& batch_pool_;
  Clock& clock_;
  Metrics& metrics_;

  // Set by the first message, before there is any task.
  bool opened_ = false;
  OpenBatch batch_;
  std::unique_ptr<Windows::Window> window_;

  mutable std::mutex mutex_;
  std::deque<Request::Item> pending_;  // all below under mutex_
  size_t unanswered_ = 0;              // pending and in work
  size_t unanswered_bytes_ = 0;
  bool paused_ = false;  // the next message is not asked for yet
  int tasks_ = 0;
  bool half_closed_ = false;
  absl::Status leaving_;  // not OK: what Leave was told
  bool ended_ = false;
  // When it was opened, when it was last heard of, when it ended.
  std::optional<absl::Duration> opened_at_;
  absl::Duration active_at_;
  absl::Duration ended_at_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ISSUE_STREAM_H_
