// ItemQueue knows what is left to do of a batch: which items are to be sent,
// which are with the service, which are answered. It does no I/O and is not
// thread-safe.
//
//            Take            Answered            Settle
//   ready ─────────▶ in flight ─────────▶ answered ─────────▶ settled
//     ▲ ▲ StreamBroken │                     │ Delay
//     │ └──────────────┘                     ▼
//     └────────────────────────────────── delayed

#ifndef BIRTHMARK_SERVICES_CLI_ITEM_QUEUE_H_
#define BIRTHMARK_SERVICES_CLI_ITEM_QUEUE_H_

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"

namespace birthmark::cli {

class ItemQueue {
 public:
  // All of `count` items are ready, to be sent in order.
  explicit ItemQueue(size_t count);

  // SetWindow bounds how many items may be in flight.
  void SetWindow(size_t window) { window_ = window; }

  // Take moves up to `max` items that are ready, or delayed until `now` or
  // before, into flight. None if the window has no room for a worthwhile
  // message; the last items always go.
  std::vector<size_t> Take(size_t max, absl::Duration now);

  // Answered takes an item out of flight. False, and nothing changes, if it is
  // not in flight.
  bool Answered(size_t item);

  // Delay makes an item that was answered ready again at `due`.
  void Delay(size_t item, absl::Duration due);

  // Settle is the end of an item, from any state. Settling twice is fine.
  void Settle(size_t item);

  // StreamBroken makes everything in flight ready again, before the rest.
  void StreamBroken();

  // NextDue is when the first delayed item becomes ready.
  std::optional<absl::Duration> NextDue() const;

  size_t in_flight() const { return in_flight_; }
  size_t unsettled() const { return states_.size() - settled_; }

 private:
  enum class State { kReady, kInFlight, kDelayed, kAnswered, kSettled };

  void Move(size_t item, State to);

  std::vector<State> states_;
  // May hold items that are no longer ready.
  std::deque<size_t> ready_;
  std::multimap<absl::Duration, size_t> delayed_;
  size_t window_ = 1;
  size_t ready_count_ = 0;
  size_t in_flight_ = 0;
  size_t settled_ = 0;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_ITEM_QUEUE_H_
