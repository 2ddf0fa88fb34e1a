// CrlPages serves the current CRLs and deltas of all shards.

#ifndef BIRTHMARK_SERVICES_STATUS_CRL_PAGES_H_
#define BIRTHMARK_SERVICES_STATUS_CRL_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/http/message.h"
#include "lib/storage/status_store.h"
#include "services/status/document.h"
#include "services/status/issuers.h"
#include "services/status/metrics.h"

namespace birthmark::status {

// CrlPages keeps what was asked for within a bound of bytes and reads it again
// when it hears that there is a newer one. If the database is away, what it has
// goes out until its nextUpdate, and 503 for the rest; nothing ever after its
// nextUpdate. It never goes back to a lower CRL number while the higher one is
// in force, as a restored database would have it. Thread-safe.
class CrlPages {
 public:
  struct Options {
    size_t cache_bytes = size_t{64} << 20;
    absl::Duration max_age = absl::Minutes(1);
    int threads = 2;
    size_t queued = 256;
    // While notifications are not heard, what was read is good for so long.
    absl::Duration unheard = absl::Seconds(2);
    // After a read that failed none is tried for so long.
    absl::Duration read_pause = absl::Seconds(1);
  };

  // What it takes must outlive it.
  CrlPages(storage::StatusStore& statuses, const Issuers& issuers, Clock& clock,
           Metrics& metrics, Options options);

  // Handle answers `request` for `/crl/{issuer}/{shard}.crl` or
  // `/crl/{issuer}/{shard}-delta.crl`. Never blocks.
  void Handle(const http::Request& request, http::Responder responder);

  // Invalidate: there is a newer CRL. `payload` is that of the notification,
  // issuer/shard.
  void Invalidate(absl::string_view payload);

  // SetHearing says whether notifications are heard from now on. What happened
  // before is read again.
  void SetHearing(bool hearing);

 private:
  using Key = std::pair<size_t, int>;  // issuer's place, shard

  struct Name {
    Key key;
    bool delta = false;
  };

  struct Entry {
    std::shared_ptr<const Document> complete;  // null: nothing was read
    std::shared_ptr<const Document> delta;     // null: there is none
    int64_t number = 0;
    // Counts the news of it; it was read when it was `read_generation`.
    uint64_t generation = 0;
    uint64_t read_generation = 0;
    absl::Duration read_time;  // monotonic
    uint64_t last_used = 0;
  };

  std::optional<Name> ParsePath(absl::string_view path) const;
  std::optional<http::Response> FromCache(const Name& name,
                                          const http::Request& request,
                                          bool whatever_age);
  bool Current(const Entry& entry) const;
  absl::Status Read(const Key& key);
  absl::Status ReadInto(const Key& key, uint64_t generation);
  void Shrink(const Key& keep);
  http::Response Later() const;

  storage::StatusStore& statuses_;
  const Issuers& issuers_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  std::mutex mutex_;
  std::map<Key, Entry> entries_;  // under mutex_, as all of the below
  size_t bytes_ = 0;
  uint64_t uses_ = 0;
  uint64_t generations_ = 0;
  bool hearing_ = false;
  absl::Duration no_read_before_ = -absl::InfiniteDuration();  // monotonic
  ThreadPool pool_;  // Last: its threads use all of the above.
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_CRL_PAGES_H_
