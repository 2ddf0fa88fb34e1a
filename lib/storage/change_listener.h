#ifndef BIRTHMARK_LIB_STORAGE_CHANGE_LISTENER_H_
#define BIRTHMARK_LIB_STORAGE_CHANGE_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::storage {

// Channels that the database notifies (migrations/0007).
inline constexpr char kRevocationsChannel[] = "revocations";  // payload: empty
inline constexpr char kCrlsChannel[] = "crls";  // payload: issuer/shard

// ChangeListener holds a connection of its own to the database and hears what
// it notifies (LISTEN), on a thread of its own. A lost connection is made again
// with a growing delay, at most a second.
class ChangeListener {
 public:
  // All run on the listener's thread, one at a time; a slow one delays others.
  struct Callbacks {
    // The channels are heard from now on: what happened before must be read.
    // Runs at the first connection and after every loss. If it fails, the
    // connection is given up and made again.
    std::function<absl::Status()> on_connected;
    std::function<void(absl::string_view channel, absl::string_view payload)>
        on_notification;
    // The database answered just now, and nothing is pending. At least once a
    // second while the connection lives.
    std::function<void()> on_alive;
    // The connection is lost, or the first could not be made. Not again until
    // on_connected has succeeded.
    std::function<void(const absl::Status&)> on_lost;
  };
  struct Options {
    std::string dsn;
    std::vector<std::string> channels;
    // Try to become the one owner of this advisory lock (class 16973) while
    // connected; 0: of none. The lock is held by the connection and so is free
    // as soon as this process is gone.
    int ownership = 0;
    absl::Duration heartbeat = absl::Seconds(1);
  };

  // Start returns at once; the first connection may take any time.
  static std::unique_ptr<ChangeListener> Start(Options options,
                                               Callbacks callbacks);
  // Ends the thread. A callback that runs is waited for.
  virtual ~ChangeListener() = default;

  // owner says whether this process holds the ownership now. Thread-safe. Asked
  // for again at every heartbeat.
  virtual bool owner() const = 0;
  virtual bool connected() const = 0;

 protected:
  ChangeListener() = default;
};

// The advisory lock of the one process that has CRLs published.
inline constexpr int kCrlPublisherLock = 3;
// That of the one that audits keys. 4 is in migrations/0008.
inline constexpr int kKeyAuditLock = 5;

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CHANGE_LISTENER_H_
