// RevocationWatch serves WatchRevocations: it tells all who watch what the
// follower reads, as fast as each of them takes it.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_WATCH_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_WATCH_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/revocation_log.h"
#include "services/registration/metrics.h"
#include "services/registration/revocation_follower.h"
#include "services/registration/watch_stream.h"

namespace birthmark::registration {

// RevocationWatch is thread-safe. What the constructor takes must outlive it.
// One thread serves all streams: what is new to several of them is put together
// once. A stream has one message waiting at most, so a client that does not
// read costs nothing but that; it catches up from the log.
class RevocationWatch {
 public:
  // Changes in one message, at most.
  static constexpr size_t kMessage = 1000;
  // Streams of one caller, at most.
  static constexpr int kStreamsOfOne = 16;

  RevocationWatch(storage::RevocationLog& log, RevocationFollower& follower,
                  const rpc::PageTokenCodec& tokens, Clock& clock,
                  Metrics& metrics);
  ~RevocationWatch();

  void Register(rpc::Router& router);

 private:
  using Request = WatchStream::Request;
  using Response = WatchStream::Response;
  using StreamPtr = std::shared_ptr<WatchStream>;

  // News is what comes after a position, for all streams there that have the
  // same filter.
  struct News {
    Response response;
    WatchPosition position;                     // after it
    absl::flat_hash_set<std::string> not_good;  // serials, of all issuers
    bool full = false;                          // there may be more
  };
  using NewsKey = std::pair<int64_t, std::string>;

  absl::StatusOr<StreamPtr> Accept(const rpc::CallContext& context,
                                   rpc::BidiStream<Response> stream);
  absl::StatusOr<WatchPosition> Begin(const Request& request);
  void Work();
  // Round looks at all streams; true if some want to be looked at again soon.
  bool Round();
  bool Drive(const StreamPtr& stream, const RevocationFollower::View& view,
             std::map<NewsKey, std::optional<News>>& known);
  void Tell(WatchStream& stream, const News& news);
  News NewsOf(const std::vector<storage::RevocationChange>& changes,
              const std::string& issuer, WatchPosition reached);
  void ReadFor(StreamPtr stream, WatchPosition reached);
  void Wake();

  storage::RevocationLog& log_;
  RevocationFollower& follower_;
  const rpc::PageTokenCodec& tokens_;
  Clock& clock_;
  Metrics& metrics_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<StreamPtr> streams_;  // under mutex_, as the following
  bool woken_ = false;
  bool stopped_ = false;

  ThreadPool readers_;
  std::thread worker_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_WATCH_H_
