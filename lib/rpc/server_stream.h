// ServerStream is a bidirectional stream on the server: it stands between the
// network and a handler. Private to lib/rpc.
//
// What happens on the stream becomes events, which run on a pool one at a time.
// What the stream wants from the network (read, write, finish) is started by
// one thread at a time and never under the mutex, because gRPC may run a
// reaction before the call that started it returns.

#ifndef BIRTHMARK_LIB_RPC_SERVER_STREAM_H_
#define BIRTHMARK_LIB_RPC_SERVER_STREAM_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/bidi.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"

namespace birthmark::rpc {

// StreamTransport is the network's side: what gRPC's reactor offers.
class StreamTransport {
 public:
  virtual ~StreamTransport() = default;
  virtual void Read(grpc::ByteBuffer* buffer) = 0;
  virtual void Write(const grpc::ByteBuffer* buffer) = 0;
  // Cancel makes a write that is under way fail.
  virtual void Cancel() = 0;
  // Nothing is started after it.
  virtual void End(grpc::Status status) = 0;
};

// ServerStream is thread-safe. The router and the pool must outlive it.
class ServerStream : public StreamCore,
                     public std::enable_shared_from_this<ServerStream> {
 public:
  ServerStream(const Router& router, const Router::Method& method,
               CallContext context, ThreadPool& pool);
  ~ServerStream() override;

  // Begin starts the stream on `transport`, which must live until Done.
  void Begin(StreamTransport* transport);

  // What the network tells.
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnCancelled();
  // Done is the last: the transport is gone.
  void Done();

  // Drain tells the handler that the server shuts down.
  void Drain();

  // final_code is what the stream ended with.
  absl::StatusCode final_code() const;

  // StreamCore.
  bool Write(std::unique_ptr<google::protobuf::Message> message) override;
  void RequestNext() override;
  void Finish(absl::Status status) override;
  void Cut() override;
  size_t PendingWrites() const override;
  bool IsOver() const override;

 private:
  enum class EventKind { kBegin, kMessage, kHalfClose, kCancel, kDrain };
  struct Event {
    EventKind kind;
    grpc::ByteBuffer buffer;
  };
  using Lock = std::unique_lock<std::mutex>;

  void Post(Lock& lock, Event event);
  void RunEvents();
  void Run(Event event);
  void Drive(Lock& lock);
  void FinishLocked(absl::Status status);
  // Nothing but a write under way stays.
  void DropWrites();

  const Router& router_;
  const Router::Method& method_;
  const CallContext context_;
  ThreadPool& pool_;

  mutable std::mutex mutex_;  // for all that follows
  StreamTransport* transport_ = nullptr;
  std::shared_ptr<Router::RawBidiHandler> handler_;

  std::deque<Event> events_;
  bool running_events_ = false;

  size_t reads_wanted_ = 1;
  bool reading_ = false;
  bool read_closed_ = false;
  grpc::ByteBuffer read_buffer_;

  std::deque<grpc::ByteBuffer> writes_;
  size_t write_bytes_ = 0;
  bool writing_ = false;
  bool broken_ = false;  // nothing can be written any more
  bool cut_ = false;     // a write under way is to be cancelled

  std::optional<absl::Status> final_status_;
  bool ended_ = false;     // Transport::End was called
  bool starting_ = false;  // a thread is in Drive
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_SERVER_STREAM_H_
