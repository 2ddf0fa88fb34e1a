// Responders are the keys and certificates that OCSP responses are signed with,
// one of each issuer.

#ifndef BIRTHMARK_SERVICES_STATUS_RESPONDERS_H_
#define BIRTHMARK_SERVICES_STATUS_RESPONDERS_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/base/clock.h"
#include "lib/keys/signer.h"
#include "lib/x509/ocsp_response.h"
#include "services/status/ca_client.h"
#include "services/status/issuers.h"
#include "services/status/metrics.h"

namespace birthmark::status {

// Credential is a key with its certificate. Immutable and thread-safe.
class Credential {
 public:
  // New checks that `certificate_der` is what was asked for: `issuer` signed
  // it, for this key, to sign OCSP responses, and it is valid at `now`.
  // kFailedPrecondition if not.
  static absl::StatusOr<std::shared_ptr<const Credential>> New(
      const x509::Certificate& issuer, absl::string_view certificate_der,
      std::unique_ptr<const keys::Signer> key, absl::Time now);

  // Sign returns a whole OCSPResponse. Fails as BuildTbs and Sign do.
  absl::StatusOr<std::string> Sign(
      absl::Span<const x509::OcspAnswer> answers, absl::Time produced_at,
      std::optional<absl::string_view> nonce) const;

  absl::Time not_before() const { return not_before_; }
  absl::Time not_after() const { return not_after_; }

 private:
  Credential(x509::OcspResponder writer,
             std::unique_ptr<const keys::Signer> key, absl::Time not_before,
             absl::Time not_after);

  const x509::OcspResponder writer_;
  const std::unique_ptr<const keys::Signer> key_;
  const absl::Time not_before_;
  const absl::Time not_after_;
};

// Responders renews each credential by itself, with a fresh key, at half of its
// life; what fails is tried again with a growing delay while the old one is
// used on. Keys exist in memory alone. Thread-safe.
class Responders {
 public:
  struct Options {
    absl::Duration first_retry = absl::Seconds(1);
    absl::Duration longest_retry = absl::Minutes(1);
  };

  // What it takes must outlive it.
  Responders(const Issuers& issuers, CaClient& ca, Clock& clock,
             Metrics& metrics, Options options);
  Responders(const Issuers& issuers, CaClient& ca, Clock& clock,
             Metrics& metrics);
  // Ends the thread.
  ~Responders();

  // Start begins to renew.
  void Start();

  // Get returns the credential of the issuer at `place`, null if there is none
  // that is valid at `now`.
  std::shared_ptr<const Credential> Get(size_t place, absl::Time now) const;

  // tried says whether each issuer's responder was asked for at least once.
  bool tried() const { return tried_; }

  // Renew does what the thread does at each turn: gets what is due. Returns how
  // long nothing will be. Not called while the thread runs.
  absl::Duration Renew();

 private:
  struct Slot {
    std::shared_ptr<const Credential> credential;  // under mutex_
    // Of the thread.
    absl::Time renew_at = absl::InfinitePast();
    absl::Duration retry;
    absl::Duration next_try = -absl::InfiniteDuration();  // monotonic
  };

  void Run();
  absl::StatusOr<std::shared_ptr<const Credential>> Certify(
      const Issuer& issuer);

  const Issuers& issuers_;
  CaClient& ca_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;
  std::atomic<bool> tried_{false};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // under mutex_
  std::vector<Slot> slots_;
  std::thread thread_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_RESPONDERS_H_
