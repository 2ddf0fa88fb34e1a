// RecordSigner signs records that must prove themselves to who has nothing but
// the trust bundle: certificates of decommission.

#ifndef BIRTHMARK_SERVICES_CA_RECORD_SIGNER_H_
#define BIRTHMARK_SERVICES_CA_RECORD_SIGNER_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/signature_algorithm.h"
#include "services/ca/batch_issuer.h"
#include "services/ca/metrics.h"

namespace birthmark::ca {

inline constexpr int kMaxRecords = 1000;
inline constexpr size_t kMaxRecordBytes = size_t{64} << 10;

// RecordSigner has a key that serves for nothing else, is in no file, and dies
// with the process. It is certified at first use, by the profile of kind
// record-signer, recorded as every certificate is, and replaced when half of
// its life is over: what it signed was signed while it was valid. Thread-safe;
// what it is given must outlive it.
class RecordSigner {
 public:
  static constexpr crypto::KeyAlgorithm kAlgorithm =
      crypto::KeyAlgorithm::kP256;

  RecordSigner(BatchIssuer& issuer, crypto::SerialSource& serials, Clock& clock,
               Metrics& metrics);
  ~RecordSigner();

  // Sign returns a JWS in compact form for each of `payloads`, in their order.
  // `caller` is whom the certificate's audit entry names. kInvalidArgument /
  // INVALID_FIELD if there are not 1 to kMaxRecords, one of them is not a JSON
  // object of at most kMaxRecordBytes, or `type` is not the rest of a media
  // type; and as BatchIssuer::Issue.
  absl::StatusOr<std::vector<std::string>> Sign(
      absl::string_view type, const std::vector<std::string>& payloads,
      const std::string& caller);

 private:
  struct Identity;

  absl::StatusOr<std::shared_ptr<const Identity>> Current(
      const std::string& caller);
  absl::StatusOr<std::shared_ptr<const Identity>> Make(
      const std::string& caller, absl::Time now);

  BatchIssuer& issuer_;
  crypto::SerialSource& serials_;
  Clock& clock_;
  Metrics& metrics_;
  std::mutex mutex_;
  std::shared_ptr<const Identity> identity_;  // under mutex_
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_RECORD_SIGNER_H_
