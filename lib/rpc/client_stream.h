// ClientStream is the client's side of a bidirectional stream, with calls that
// block.

#ifndef BIRTHMARK_LIB_RPC_CLIENT_STREAM_H_
#define BIRTHMARK_LIB_RPC_CLIENT_STREAM_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace birthmark::rpc {

// RawClientStream is a ClientStream without its types.
class RawClientStream {
 public:
  virtual ~RawClientStream() = default;
  virtual bool Write(const google::protobuf::Message& request) = 0;
  virtual bool WritesDone() = 0;
  virtual bool Read(google::protobuf::Message& response) = 0;
  virtual absl::Status Finish() = 0;
  virtual void Cancel() = 0;
};

// ClientStream may be used by two threads at a time, one that calls Write and
// WritesDone and one that calls Read; any thread may call Cancel. Destroying
// one that was not finished cancels it.
template <typename Request, typename Response>
class ClientStream {
 public:
  explicit ClientStream(std::unique_ptr<RawClientStream> raw)
      : raw_(std::move(raw)) {}

  // Write sends a message and waits until the network has taken it. False once
  // the stream is broken: Finish says why.
  bool Write(const Request& request) { return raw_->Write(request); }

  // WritesDone half-closes: the server knows that nothing more comes.
  bool WritesDone() { return raw_->WritesDone(); }

  // Read waits for a message. False when no more come: Finish says why.
  bool Read(Response& response) { return raw_->Read(response); }

  // Finish waits for the end and returns what the stream ended with. Call it
  // once, after Read has returned false and while no other thread writes.
  absl::Status Finish() { return raw_->Finish(); }

  // Cancel ends the stream at once; calls in progress return false.
  void Cancel() { raw_->Cancel(); }

 private:
  std::unique_ptr<RawClientStream> raw_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_CLIENT_STREAM_H_
