// StatusCache holds what is known of certificates, and the OCSP responses that
// were signed of it, within a bound of bytes. Nothing is loaded ahead: an entry
// comes when somebody asks, and the least used ones leave.

#ifndef BIRTHMARK_SERVICES_STATUS_STATUS_CACHE_H_
#define BIRTHMARK_SERVICES_STATUS_STATUS_CACHE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/x509/ocsp_cert_id.h"
#include "lib/x509/serial.h"
#include "services/status/document.h"
#include "services/status/fact.h"

namespace birthmark::status {

// StatusCache is thread-safe. A lock is held for a look-up alone.
class StatusCache {
 public:
  // Prepared is a signed response without a nonce about one certificate.
  struct Prepared {
    std::shared_ptr<const Document> document;  // null: none
    absl::Time signed_at;
    absl::Time this_update;
    // From then on a newer one should be signed, if newer knowledge is there.
    absl::Time renew_at;
  };

  struct Found {
    Fact fact;
    Prepared prepared;
  };

  explicit StatusCache(size_t bytes);

  // The serials are of x509::kSerialSize octets; others are never found.

  // Find returns what is known of the certificate, with the response for
  // CertIDs of `hash`, which is not kUnknown.
  std::optional<Found> Find(absl::string_view serial, x509::OcspHash hash);

  // epoch changes when all that was read before counts no more. 0: the changes
  // of revocations are not followed yet, and nothing is kept.
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  // Insert keeps `fact`, which was read in the database after epoch() was
  // `epoch`. False, and nothing is kept, if that epoch is over, or if a change
  // that the read may not have seen has been applied to this part of the cache.
  bool Insert(absl::string_view serial, const Fact& fact, uint64_t epoch);

  // Attach keeps a response that says what `fact` says. Dropped if the fact has
  // changed or gone meanwhile.
  void Attach(absl::string_view serial, x509::OcspHash hash, const Fact& fact,
              Prepared prepared);

  // Apply takes a change in, in the order of revisions. If the serial is known
  // by an older revision, its fact is replaced and its responses are dropped.
  void Apply(absl::string_view serial, const Fact& fact);

  // Restart forgets everything and starts an epoch, in which all changes up to
  // `revision` have been applied.
  void Restart(int64_t revision);

  struct Size {
    size_t entries = 0;
    size_t bytes = 0;
    uint64_t evictions = 0;
  };
  Size size() const;

 private:
  static constexpr size_t kParts = 64;
  static constexpr size_t kHashes = 2;
  using Key = std::array<char, x509::kSerialSize>;

  struct Entry {
    Key key;
    bool recent = false;  // Asked for since the hand came by.
    Fact fact;
    std::array<Prepared, kHashes> prepared;
  };

  // Part is one of several, so that threads seldom wait for each other.
  struct Part {
    mutable std::mutex mutex;
    int64_t applied = 0;  // the newest change of a serial of this part
    absl::flat_hash_map<Key, uint32_t> index;
    std::vector<std::unique_ptr<Entry>> slots;  // null: free
    std::vector<uint32_t> free;
    size_t hand = 0;
    size_t bytes = 0;
    uint64_t evictions = 0;
  };

  Part& PartOf(const Key& key);
  static size_t BytesOf(const Entry& entry);
  static void Drop(Part& part, uint32_t slot);
  void Shrink(Part& part, const Entry* keep);
  static void SetPrepared(Part& part, Entry& entry, size_t hash,
                          Prepared prepared);

  const size_t part_bytes_;
  std::atomic<uint64_t> epoch_{0};
  std::array<Part, kParts> parts_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_STATUS_CACHE_H_
