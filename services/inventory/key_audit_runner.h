// KeyAuditRunner does the audits of all RSA keys.

#ifndef BIRTHMARK_SERVICES_INVENTORY_KEY_AUDIT_RUNNER_H_
#define BIRTHMARK_SERVICES_INVENTORY_KEY_AUDIT_RUNNER_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/loop_thread.h"
#include "lib/crypto/batch_gcd.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/key_audit_store.h"

namespace birthmark::inventory {

// KeyAuditRunner looks for an audit that runs, from its construction on, in a
// thread of its own, and does it: it reads the certificates of all RSA keys,
// computes, and raises a finding for each key of a device that shares a prime.
// Whatever keeps it from going on, the audit starts over, here or in another
// process. Its destruction gives up what is in work within a moment.
// Thread-safe. What its constructor takes must outlive it.
class KeyAuditRunner {
 public:
  struct Options {
    // Whether this process is the one that does audits. Required; thread-safe.
    std::function<bool()> owner;
    absl::Duration rest = absl::Seconds(2);
    int page = 1000;        // keys of one read
    size_t chunk = 8192;    // BatchGcdOptions
    size_t findings = 100;  // of one transaction
  };

  KeyAuditRunner(storage::KeyAuditStore& audits,
                 storage::FindingStore& findings, Clock& clock,
                 Options options);
  ~KeyAuditRunner();

  // Wake makes it look now.
  void Wake() { thread_.Wake(); }

  // What findings' audit entries name as their actor.
  static constexpr char kActor[] = "birthmark:key-audit";

 private:
  struct Key {
    std::string spki_sha256;
    std::string device_uid;
    std::string fleet_id;
  };
  struct Work;

  absl::Duration Step();
  absl::Status Do(Work& work);
  absl::Status ReadKeys(Work& work);
  absl::Status Raise(Work& work, const crypto::BatchGcdResult& result);
  std::vector<storage::FindingRow> Findings(
      const Work& work, const crypto::BatchGcdResult& result) const;
  absl::Status GoOn(Work& work, absl::string_view progress, bool at_once);

  storage::KeyAuditStore& audits_;
  storage::FindingStore& findings_;
  Clock& clock_;
  const Options options_;
  std::atomic<bool> stopped_{false};
  absl::Duration retry_ = absl::ZeroDuration();  // of the thread alone
  LoopThread thread_;                            // the last: it uses the others
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_KEY_AUDIT_RUNNER_H_
