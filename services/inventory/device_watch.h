// DeviceWatch serves WatchDevices: it tells all who watch what the feed has, as
// fast as each of them takes it.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_WATCH_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_WATCH_H_

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/loop_thread.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/device_feed.h"
#include "services/inventory/device_watch_stream.h"

namespace birthmark::inventory {

// DeviceWatch is thread-safe. What the constructor takes must outlive it, and
// the router that it is registered with. One thread serves all streams: it
// reads once for all that are at the same place, which those at the head are. A
// stream has one message waiting at most, so a client that does not read costs
// nothing but that; it catches up when it reads again.
class DeviceWatch {
 public:
  struct Limits {
    // Streams at a time: RESOURCE_EXHAUSTED / TOO_MANY_IN_FLIGHT beyond.
    size_t streams = 64;
    // Events of one read, and so in one message.
    int events = 500;
    // How soon there is a look at what is new.
    absl::Duration rest = absl::Milliseconds(250);
    // How often the gate is asked whether who watches still may.
    absl::Duration gate = absl::Seconds(10);
  };

  DeviceWatch(storage::DeviceFeed& feed, const rpc::PageTokenCodec& tokens,
              Clock& clock)
      : DeviceWatch(feed, tokens, clock, Limits()) {}
  DeviceWatch(storage::DeviceFeed& feed, const rpc::PageTokenCodec& tokens,
              Clock& clock, const Limits& limits);

  void Register(rpc::Router& router);

 private:
  using Request = DeviceWatchStream::Request;
  using Response = DeviceWatchStream::Response;
  using StreamPtr = std::shared_ptr<DeviceWatchStream>;

  absl::StatusOr<StreamPtr> Accept(const rpc::CallContext& context,
                                   rpc::BidiStream<Response> stream);
  absl::StatusOr<storage::FeedPosition> Begin(const Request& request);
  // Round looks at all streams; returns how long to rest.
  absl::Duration Round();
  std::vector<StreamPtr> Open();
  // Whether who watches still may; ends the stream if not.
  bool StillMay(DeviceWatchStream& stream, bool ask_gate);
  void Tell(DeviceWatchStream& stream,
            const std::vector<storage::FeedEvent>& events);

  storage::DeviceFeed& feed_;
  const rpc::PageTokenCodec& tokens_;
  Clock& clock_;
  const Limits limits_;

  std::mutex mutex_;
  rpc::StatusGate gate_;            // under mutex_
  std::vector<StreamPtr> streams_;  // under mutex_
  absl::Duration asked_at_;         // the thread's alone

  LoopThread thread_;  // the last: it uses all the others
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_WATCH_H_
