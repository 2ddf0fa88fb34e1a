// WatchStream is one WatchRevocations stream: what its client asked for and how
// far it was told. RevocationWatch drives it.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_WATCH_STREAM_H_
#define BIRTHMARK_SERVICES_REGISTRATION_WATCH_STREAM_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/clock.h"
#include "lib/rpc/bidi.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/page.h"
#include "lib/storage/revocation_log.h"
#include "services/registration/metrics.h"

namespace birthmark::registration {

// WatchPosition is a place in the history of revocations.
struct WatchPosition {
  int64_t revision = 0;
  std::string mark;  // RevocationFollower::MarkOf the change there
};

// SealToken returns the resume token for `position` in a stream that is
// filtered by `issuer`, a resource name or empty; OpenToken reads it.
// kOutOfRange / RESUME_TOKEN_UNKNOWN if it is none, or another stream's.
std::string SealToken(const rpc::PageTokenCodec& codec,
                      const std::string& issuer, const WatchPosition& position);
absl::StatusOr<WatchPosition> OpenToken(
    const rpc::PageTokenCodec& codec,
    const revocation::v1::WatchRevocationsRequest& request);

// TokenUnknown is what a client gets whose history is not this database's.
absl::Status TokenUnknown();

// WatchStream is thread-safe in its BidiHandler methods; the others are for the
// one thread that drives it at a time.
class WatchStream
    : public rpc::BidiHandler<revocation::v1::WatchRevocationsRequest> {
 public:
  using Request = revocation::v1::WatchRevocationsRequest;
  using Response = revocation::v1::WatchRevocationsResponse;
  // Opener says where the stream begins.
  using Opener = std::function<absl::StatusOr<WatchPosition>(const Request&)>;

  // How long a client may take to say what it wants, and to read the end.
  static constexpr absl::Duration kPatience = absl::Seconds(10);
  // A message comes at least so often.
  static constexpr absl::Duration kHeartbeat = absl::Seconds(8);

  // `clock` and `metrics` must outlive the stream; `opened` is called when the
  // request has come.
  WatchStream(rpc::BidiStream<Response> stream, const rpc::Caller& caller,
              Opener opener, std::function<void()> opened, Clock& clock,
              Metrics& metrics);
  ~WatchStream() override;

  void OnMessage(Request request) override;
  void OnHalfClose() override {}  // the request is all there is to say
  void OnCancel() override;
  void OnDrain() override;

  // Is says where the stream is in its life.
  enum class Phase { kWaiting, kOpen, kEnded };
  Phase phase() const { return phase_; }

  // Of an open stream.
  const std::string& issuer() const { return issuer_; }  // name or empty
  // Whether the client has taken all that was written, so that more may be.
  bool Hungry() const { return stream_.PendingWrites() == 0; }
  bool HeartbeatDue(absl::Duration now) const;
  void Write(Response response, WatchPosition position);
  void MoveTo(WatchPosition position) { position_ = std::move(position); }
  const WatchPosition& position() const { return position_; }
  const std::string& caller_serial() const { return caller_serial_; }
  absl::Time certificate_end() const { return certificate_end_; }
  const std::string& actor() const { return actor_; }

  // End ends the stream. Only the first call counts.
  void End(absl::Status status);
  // Reap says whether the stream can be forgotten, and cuts it off if its
  // client takes too long.
  bool Reap(absl::Duration now);

  // Whether somebody reads the log for this stream now.
  std::atomic<bool> reading{false};
  // The history that the stream belongs to.
  int64_t history = 0;

 private:
  const rpc::BidiStream<Response> stream_;
  const std::string actor_;
  std::string caller_serial_;  // 16 octets, or empty
  absl::Time certificate_end_ = absl::InfiniteFuture();
  const Opener opener_;
  const std::function<void()> opened_;
  Clock& clock_;
  Metrics& metrics_;

  std::atomic<Phase> phase_{Phase::kWaiting};
  std::string issuer_;  // set before phase_ is kOpen
  WatchPosition position_;
  absl::Duration written_at_ = -absl::InfiniteDuration();
  std::mutex mutex_;
  // When it began or ended; under mutex_.
  absl::Duration since_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_WATCH_STREAM_H_
