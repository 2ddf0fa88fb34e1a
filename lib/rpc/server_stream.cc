#include "lib/rpc/server_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/rpc/status.h"
#include "lib/rpc/wire.h"

namespace birthmark::rpc {

using google::protobuf::Message;

namespace {

// How long a client that did not read should stay away.
constexpr absl::Duration kUnreadRetry = absl::Seconds(1);

}  // namespace

ServerStream::ServerStream(const Router& router, const Router::Method& method,
                           CallContext context, ThreadPool& pool)
    : router_(router),
      method_(method),
      context_(std::move(context)),
      pool_(pool) {}

ServerStream::~ServerStream() = default;

void ServerStream::Begin(StreamTransport* transport) {
  Lock lock(mutex_);
  transport_ = transport;
  Post(lock, {EventKind::kBegin, {}});
  Drive(lock);  // it may have been cancelled already
}

void ServerStream::OnRead(bool ok) {
  Lock lock(mutex_);
  reading_ = false;
  if (ok) {
    Post(lock, {EventKind::kMessage, std::exchange(read_buffer_, {})});
  } else {
    read_closed_ = true;
    if (!final_status_.has_value()) {
      Post(lock, {EventKind::kHalfClose, {}});
    }
  }
}

void ServerStream::OnWritten(bool ok) {
  Lock lock(mutex_);
  writing_ = false;
  write_bytes_ -= writes_.front().Length();
  writes_.pop_front();
  if (!ok) {
    broken_ = true;
    DropWrites();
  }
  Drive(lock);
}

void ServerStream::OnCancelled() {
  Lock lock(mutex_);
  broken_ = true;
  if (!final_status_.has_value()) {
    FinishLocked(absl::CancelledError("the caller is gone"));
    Post(lock, {EventKind::kCancel, {}});
  }
  Drive(lock);
}

void ServerStream::Done() {
  std::shared_ptr<Router::RawBidiHandler> handler;
  Lock lock(mutex_);
  transport_ = nullptr;
  ended_ = true;
  broken_ = true;
  if (!final_status_.has_value()) {
    final_status_ = absl::CancelledError("the caller is gone");
  }
  if (!running_events_) {
    handler = std::move(handler_);
  }
  lock.unlock();  // the handler may be destroyed here
}

void ServerStream::Drain() {
  Lock lock(mutex_);
  if (!final_status_.has_value()) {
    Post(lock, {EventKind::kDrain, {}});
  }
}

absl::StatusCode ServerStream::final_code() const {
  Lock lock(mutex_);
  return final_status_.has_value() ? final_status_->code()
                                   : absl::StatusCode::kUnknown;
}

bool ServerStream::Write(std::unique_ptr<Message> message) {
  absl::StatusOr<grpc::ByteBuffer> buffer = WriteMessage(*message);
  Lock lock(mutex_);
  if (final_status_.has_value() || broken_) {
    return false;
  }
  if (!buffer.ok()) {
    FinishLocked(buffer.status());
    Post(lock, {EventKind::kCancel, {}});
    Drive(lock);
    return false;
  }
  if (write_bytes_ + buffer->Length() > router_.options().stream_write_bytes) {
    FinishLocked(WithRetryAfter(
        MakeError(
            absl::StatusCode::kResourceExhausted, reasons::kTooManyInFlight,
            "answers are waiting and are not read; read them",
            {{"limit", absl::StrCat(router_.options().stream_write_bytes)}}),
        kUnreadRetry));
    broken_ = true;  // what waits would not be read either
    DropWrites();
    Post(lock, {EventKind::kCancel, {}});
    Drive(lock);
    return false;
  }
  write_bytes_ += buffer->Length();
  writes_.push_back(*std::move(buffer));
  Drive(lock);
  return true;
}

void ServerStream::RequestNext() {
  Lock lock(mutex_);
  ++reads_wanted_;
  Drive(lock);
}

void ServerStream::Finish(absl::Status status) {
  Lock lock(mutex_);
  FinishLocked(std::move(status));
  Drive(lock);
}

void ServerStream::Cut() {
  Lock lock(mutex_);
  if (final_status_.has_value()) {
    cut_ = true;
    broken_ = true;
    DropWrites();
    Drive(lock);
  }
}

void ServerStream::DropWrites() {
  while (writes_.size() > (writing_ ? 1u : 0u)) {
    write_bytes_ -= writes_.back().Length();
    writes_.pop_back();
  }
}

void ServerStream::FinishLocked(absl::Status status) {
  if (!final_status_.has_value()) {
    final_status_ = std::move(status);
  }
}

size_t ServerStream::PendingWrites() const {
  Lock lock(mutex_);
  return writes_.size();
}

bool ServerStream::IsOver() const {
  Lock lock(mutex_);
  return final_status_.has_value() || broken_;
}

// Post queues an event and sees to it that a pool thread runs it. The pool that
// streams use takes one entry for each stream, so that it cannot be full; it
// refuses only while the process ends.
void ServerStream::Post(Lock& lock, Event event) {
  events_.push_back(std::move(event));
  if (running_events_) {
    return;
  }
  running_events_ = true;
  const bool scheduled =
      pool_.TrySchedule([self = shared_from_this()] { self->RunEvents(); });
  if (!scheduled) {
    running_events_ = false;
    events_.clear();
    FinishLocked(MakeError(absl::StatusCode::kUnavailable,
                           reasons::kServerDraining,
                           "the server is shutting down"));
    Drive(lock);
  }
}

void ServerStream::RunEvents() {
  std::shared_ptr<Router::RawBidiHandler> handler;
  Lock lock(mutex_);
  while (!events_.empty()) {
    Event event = std::move(events_.front());
    events_.pop_front();
    // A finished stream hears of nothing more, but that it was cancelled.
    if (final_status_.has_value() && event.kind != EventKind::kCancel) {
      continue;
    }
    lock.unlock();
    Run(std::move(event));
    lock.lock();
    Drive(lock);
  }
  running_events_ = false;
  if (transport_ == nullptr) {
    handler = std::move(handler_);
  }
  lock.unlock();
}

void ServerStream::Run(Event event) {
  // Only events touch handler_ while they run, so it can be read without the
  // mutex.
  switch (event.kind) {
    case EventKind::kBegin: {
      auto handler = method_.bidi(context_, shared_from_this());
      Lock lock(mutex_);
      if (handler.ok()) {
        handler_ = *std::move(handler);
      } else {
        FinishLocked(std::move(handler).status());
      }
      return;
    }
    case EventKind::kMessage: {
      std::unique_ptr<Message> message(method_.request->New());
      const absl::Status parsed = ParseMessage(event.buffer, *message);
      if (!parsed.ok()) {
        Finish(parsed);
        handler_->OnCancel();
        return;
      }
      handler_->OnMessage(std::move(message));
      return;
    }
    case EventKind::kHalfClose:
      handler_->OnHalfClose();
      return;
    case EventKind::kCancel:
      if (handler_ != nullptr) {
        handler_->OnCancel();
      }
      return;
    case EventKind::kDrain:
      handler_->OnDrain();
      return;
  }
}

// Drive starts what is due on the network. The lock is released while gRPC is
// called, and held again on return.
void ServerStream::Drive(Lock& lock) {
  if (starting_ || transport_ == nullptr) {
    return;
  }
  starting_ = true;
  // The transport may be gone, and this with it, as soon as End was called.
  const std::shared_ptr<ServerStream> self = shared_from_this();
  StreamTransport* const transport = transport_;
  while (!ended_) {
    if (final_status_.has_value() && !writing_ &&
        (writes_.empty() || broken_)) {
      ended_ = true;
      const absl::Status status = *final_status_;
      lock.unlock();
      transport->End(ToGrpc(status));
      lock.lock();
    } else if (cut_ && writing_) {
      cut_ = false;
      lock.unlock();
      transport->Cancel();
      lock.lock();
    } else if (!writes_.empty() && !writing_ && !broken_) {
      writing_ = true;
      const grpc::ByteBuffer* buffer = &writes_.front();
      lock.unlock();
      transport->Write(buffer);
      lock.lock();
    } else if (handler_ != nullptr && reads_wanted_ > 0 && !reading_ &&
               !read_closed_ && !final_status_.has_value() &&
               write_bytes_ <= router_.options().stream_unread_bytes) {
      --reads_wanted_;
      reading_ = true;
      lock.unlock();
      transport->Read(&read_buffer_);
      lock.lock();
    } else {
      break;
    }
  }
  starting_ = false;
}

}  // namespace birthmark::rpc
