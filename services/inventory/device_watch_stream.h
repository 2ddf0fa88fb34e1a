// DeviceWatchStream is one WatchDevices stream: what its client asked for and
// how far it was told. DeviceWatch drives it.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_WATCH_STREAM_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_WATCH_STREAM_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/clock.h"
#include "lib/rpc/bidi.h"
#include "lib/rpc/caller.h"
#include "lib/storage/device_feed.h"

namespace birthmark::inventory {

// DeviceWatchStream is thread-safe in its BidiHandler methods; the others are
// for the one thread that drives it.
class DeviceWatchStream
    : public rpc::BidiHandler<device::v1::WatchDevicesRequest> {
 public:
  using Request = device::v1::WatchDevicesRequest;
  using Response = device::v1::WatchDevicesResponse;
  // Opener says where the stream begins.
  using Opener =
      std::function<absl::StatusOr<storage::FeedPosition>(const Request&)>;

  // How long a client may take to say what it wants, and to read the end.
  static constexpr absl::Duration kPatience = absl::Seconds(10);
  // A message comes at least so often, with a margin to the promised 10 s.
  static constexpr absl::Duration kHeartbeat = absl::Seconds(8);

  // `clock` must outlive the stream; `opened` is called when the request has
  // come and is good.
  DeviceWatchStream(rpc::BidiStream<Response> stream,
                    std::shared_ptr<const rpc::Caller> caller, Opener opener,
                    std::function<void()> opened, Clock& clock);

  void OnMessage(Request request) override;
  void OnHalfClose() override {}  // the request is all there is to say
  void OnCancel() override;
  void OnDrain() override;

  enum class Phase { kWaiting, kOpen, kEnded };
  Phase phase() const { return phase_; }

  // Of an open stream.
  const std::string& parent() const { return parent_; }
  const std::string& fleet_id() const { return fleet_id_; }  // empty: all
  const rpc::Caller& caller() const { return *caller_; }
  absl::Time certificate_end() const { return certificate_end_; }
  const storage::FeedPosition& position() const { return position_; }
  // Whether the client has taken all that was written, so that more may be.
  bool IsHungry() const { return stream_.PendingWrites() == 0; }
  bool IsHeartbeatDue() const;
  // Write tells `response`, which leads to `position`.
  void Write(Response response, storage::FeedPosition position);
  void MoveTo(storage::FeedPosition position) {
    position_ = std::move(position);
  }

  // End ends the stream. Only the first call counts.
  void End(absl::Status status);
  // Reap says whether the stream can be forgotten, and cuts it off if its
  // client takes too long.
  bool Reap();

 private:
  const rpc::BidiStream<Response> stream_;
  const std::shared_ptr<const rpc::Caller> caller_;
  absl::Time certificate_end_ = absl::InfiniteFuture();
  const Opener opener_;
  const std::function<void()> opened_;
  Clock& clock_;

  std::atomic<Phase> phase_{Phase::kWaiting};
  // Set before phase_ is kOpen.
  std::string parent_;
  std::string fleet_id_;
  storage::FeedPosition position_;
  absl::Duration written_at_ = -absl::InfiniteDuration();
  std::mutex mutex_;
  absl::Duration since_;  // when it began or ended; under mutex_
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_WATCH_STREAM_H_
