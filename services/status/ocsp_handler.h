// OcspHandler answers OCSP requests (RFC 6960, RFC 5019, RFC 9654).

#ifndef BIRTHMARK_SERVICES_STATUS_OCSP_HANDLER_H_
#define BIRTHMARK_SERVICES_STATUS_OCSP_HANDLER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/http/message.h"
#include "lib/storage/status_store.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/ocsp_response.h"
#include "services/status/batch_queue.h"
#include "services/status/feed.h"
#include "services/status/issuers.h"
#include "services/status/metrics.h"
#include "services/status/moment.h"
#include "services/status/responders.h"
#include "services/status/status_cache.h"

namespace birthmark::status {

// OcspHandler is thread-safe. A request is answered where it comes in if all
// that it asks for is in the cache, with a response from there or a fresh
// signature; otherwise by a few threads that look statuses up in the database,
// many at a time.
//
// What it says of a certificate was read in the database, or followed from
// there, no longer ago than thisUpdate says. Nothing is said after nextUpdate,
// and nothing from ignorance: then the answer is tryLater.
class OcspHandler {
 public:
  struct Options {
    absl::Duration lifetime = absl::Hours(1);
    absl::Duration max_age = absl::Minutes(1);
    int lookup_threads = 2;
    size_t queued_lookups = 1024;
    // After a look-up that failed none is tried for so long.
    absl::Duration lookup_pause = absl::Milliseconds(250);
  };

  // What it takes must outlive it.
  OcspHandler(storage::StatusStore& statuses, const Issuers& issuers,
              const Feed& feed, const Responders& responders,
              StatusCache& cache, Clock& clock, Metrics& metrics,
              Options options);

  // Handle answers `request`, a POST, or a GET or HEAD whose path begins with
  // `/ocsp/`. Never blocks.
  void Handle(const http::Request& request, http::Responder responder);

 private:
  // Waiting is a request that needs a look-up.
  struct Waiting {
    std::string der;
    http::Method method;
    std::string if_none_match;
    std::string if_modified_since;
    http::Responder responder;
  };

  // LookedUp is what one look-up found. Serials that are not in it were never
  // issued.
  struct LookedUp {
    absl::flat_hash_map<std::string, Fact> facts;
    Moment as_of;
  };

  // Single is what to say of one certificate.
  struct Single {
    x509::OcspAnswer answer;
    std::optional<Fact> fact;  // if the database has the certificate
    StatusCache::Prepared prepared;
  };

  // Nothing if statuses are missing that `looked_up`, which may be null, does
  // not have either.
  std::optional<http::Response> Answer(const x509::OcspRequest& parsed,
                                       const http::Request& request,
                                       const LookedUp* looked_up);
  std::optional<Single> Look(const x509::OcspCertId& id, size_t signer,
                             const Moment& now, absl::Time followed,
                             const LookedUp* looked_up);
  Single Tell(const x509::OcspCertId& id, size_t signer, const Fact& fact,
              absl::Time this_update, const Moment& now) const;
  http::Response Prepare(const Credential& credential, Single& single,
                         const http::Request& request, absl::Time now);
  bool IsUsual(const x509::OcspCertId& id) const;
  void LookUp(std::vector<Waiting> batch);
  http::Response TryLater(telemetry::Counter& counter) const;

  storage::StatusStore& statuses_;
  const Issuers& issuers_;
  const Feed& feed_;
  const Responders& responders_;
  StatusCache& cache_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;
  const size_t usual_sha1_;
  const size_t usual_sha256_;
  // Monotonic, in nanoseconds.
  std::atomic<int64_t> no_lookup_before_{INT64_MIN};
  BatchQueue<Waiting> queue_;  // Last: its threads use all of the above.
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_OCSP_HANDLER_H_
