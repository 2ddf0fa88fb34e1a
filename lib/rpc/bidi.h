// bidi is the server's side of a bidirectional stream.
//
//   class IssueStream : public rpc::BidiHandler<IssueBatchRequest> {
//     explicit IssueStream(rpc::BidiStream<IssueBatchResponse> stream);
//     void OnMessage(IssueBatchRequest request) override {
//       ... hand the items to a batcher ...
//       if (in_flight_ < limit_) stream_.RequestNext();
//     }
//   };
//
// Memory stays bounded because nothing is read that was not asked for: one
// message is read when the stream starts, and one more for each RequestNext(),
// once the client has taken most of what was written for it.

#ifndef BIRTHMARK_LIB_RPC_BIDI_H_
#define BIRTHMARK_LIB_RPC_BIDI_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace birthmark::rpc {

// StreamCore is what a BidiStream refers to: the router's half of a stream.
class StreamCore {
 public:
  virtual ~StreamCore() = default;
  virtual bool Write(std::unique_ptr<google::protobuf::Message> message) = 0;
  virtual void RequestNext() = 0;
  virtual void Finish(absl::Status status) = 0;
  virtual void Cut() = 0;
  virtual size_t PendingWrites() const = 0;
  virtual bool IsOver() const = 0;
};

// BidiStream is a handle: cheap to copy, thread-safe, usable from any thread
// and after the stream is over, when every call does nothing. No call blocks.
template <typename Response>
class BidiStream {
 public:
  explicit BidiStream(std::shared_ptr<StreamCore> core)
      : core_(std::move(core)) {}

  // Write queues a message; messages leave in the order of the calls. False if
  // the stream is over or finished: the message goes nowhere. A client that
  // does not read while more than Router::Options::stream_write_bytes wait for
  // it loses its stream with RESOURCE_EXHAUSTED / TOO_MANY_IN_FLIGHT.
  bool Write(Response response) const {
    return core_->Write(std::make_unique<Response>(std::move(response)));
  }

  // RequestNext lets one more message in. Calls add up.
  void RequestNext() const { core_->RequestNext(); }

  // Finish ends the stream with `status` once everything written before has
  // left. Only the first call counts.
  void Finish(absl::Status status) const { core_->Finish(std::move(status)); }

  // Cut ends a finished stream whose client does not take what was written for
  // it: the rest is dropped, and the client hears of a cancellation instead of
  // the status. Does nothing before Finish.
  void Cut() const { core_->Cut(); }

  // PendingWrites is how many messages have not been taken by the network.
  size_t PendingWrites() const { return core_->PendingWrites(); }

  // IsOver tells whether nothing can be written any more.
  bool IsOver() const { return core_->IsOver(); }

 private:
  std::shared_ptr<StreamCore> core_;
};

// BidiHandler serves one stream. Its methods run on the worker pool, one at a
// time, and should not wait for long. It is destroyed when the stream is over
// and whoever else shares it has let go. It must see to it that
// BidiStream::Finish is called in the end, except after OnCancel.
template <typename Request>
class BidiHandler {
 public:
  virtual ~BidiHandler() = default;

  // OnMessage takes a message that was asked for.
  virtual void OnMessage(Request request) = 0;

  // OnHalfClose says that no more messages come. A client that has vanished may
  // look for a moment like one that half-closed; OnCancel follows unless the
  // stream was finished by then.
  virtual void OnHalfClose() = 0;

  // OnCancel says that the client is gone, its deadline has passed, or the
  // server has given up on it. Nothing is called after it.
  virtual void OnCancel() = 0;

  // OnDrain says that the server shuts down: complete what is in flight, take
  // nothing new, then Finish, best with kUnavailable so that the client resumes
  // elsewhere. Streams that do not are cut off when the drain time is over.
  virtual void OnDrain() = 0;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_BIDI_H_
