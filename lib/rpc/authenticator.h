// Authenticator finds out who presents a client certificate. TLS has proved
// that the peer holds the certificate's key and nothing else; the chain, the
// validity, the issuer and the name are judged here, so that a caller learns
// exactly what is wrong. Revocation is not: that is the router's status gate.

#ifndef BIRTHMARK_LIB_RPC_AUTHENTICATOR_H_
#define BIRTHMARK_LIB_RPC_AUTHENTICATOR_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/rpc/caller.h"
#include "lib/x509/certificate.h"

namespace birthmark::rpc {

// Issuer ids, as in Caller::issuer_id.
inline constexpr char kInternalIssuer[] = "internal";
inline constexpr char kIdevidIssuer[] = "idevid";
inline constexpr char kLdevidIssuer[] = "ldevid";

// TrustFiles names the PEM files of birthmark.config.v1.Trust. A file may hold
// several certificates: old and new ones during a rollover.
struct TrustFiles {
  std::string roots;
  std::string internal_issuer;
  std::string idevid_issuer;
  std::string ldevid_issuer;
};

// Authenticator is thread-safe. The clock must outlive it.
class Authenticator {
 public:
  // How many certificates it remembers as verified.
  static constexpr size_t kDefaultCacheSize = 16384;

  // New reads the files. Fails as Reload does.
  static absl::StatusOr<std::unique_ptr<Authenticator>> New(
      std::string trust_domain, TrustFiles files, Clock& clock,
      size_t cache_size = kDefaultCacheSize);

  ~Authenticator();

  // Authenticate verifies a DER certificate against the configured issuers and
  // roots; certificates that the peer sent along are not needed and not
  // looked at. An issuer vouches for its own kinds only:
  //   internal  /service/<role>, /operator/<name>, /fleet/<f>/line/<l>
  //   ldevid    /fleet/<f>/device/<uid>
  //   idevid    certificates without a SPIFFE ID: ROLE_DEVICE_BIRTH
  // The trust domain must be ours. A certificate that was verified before costs
  // one hash; its validity is still checked.
  // kUnauthenticated:
  //   CERTIFICATE_MISSING  `leaf_der` is empty
  //   CERTIFICATE_UNKNOWN  malformed, no issuer of ours, or a name that its
  //                        issuer may not vouch for
  //   CERTIFICATE_EXPIRED  outside its validity, or its issuer is
  //   CERTIFICATE_USAGE    not for clients
  absl::StatusOr<std::shared_ptr<const Caller>> Authenticate(
      absl::string_view leaf_der);

  // Reload reads the trust files again and forgets what was verified. On an
  // error (kNotFound, kInvalidArgument, kUnauthenticated for a root that is not
  // self-signed) the old trust stays.
  absl::Status Reload();

  // ReloadIfChanged is Reload if a file's content differs from the last read,
  // and says whether that was so.
  absl::StatusOr<bool> ReloadIfChanged();

 private:
  struct Pems;
  struct Trust;
  struct Entry {
    std::shared_ptr<const Caller> caller;
    absl::Time not_before;
    absl::Time not_after;
  };
  using Cache = std::unordered_map<std::string, Entry>;

  Authenticator(std::string trust_domain, TrustFiles files, Clock& clock,
                size_t cache_size);

  absl::StatusOr<Pems> ReadPems() const;
  absl::Status Use(Pems pems);
  absl::StatusOr<Entry> Verify(const Trust& trust,
                               absl::string_view leaf_der) const;
  // Both under mutex_; the result is good until the next call.
  const Entry* Find(const std::string& key);
  const Entry* Remember(const std::string& key, Entry entry);

  const std::string trust_domain_;
  const TrustFiles files_;
  Clock& clock_;
  const size_t cache_size_;

  std::mutex mutex_;
  std::shared_ptr<const Trust> trust_;  // under mutex_
  // Two generations, under mutex_: when the young one is full it becomes the
  // old one, and what is still in use moves back as it is found.
  Cache young_;
  Cache old_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_AUTHENTICATOR_H_
