// CrlSet is the CRLs that a verifier needs, each checked before it is taken.

#ifndef BIRTHMARK_SERVICES_CLI_CRL_SET_H_
#define BIRTHMARK_SERVICES_CLI_CRL_SET_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/x509/certificate.h"
#include "lib/x509/crl.h"

namespace birthmark::cli {

// CrlName says which CRL: of an issuer ("idevid") and a shard.
using CrlName = std::pair<std::string, int>;

// CrlNameText returns "issuers/idevid/crls/0".
std::string CrlNameText(const CrlName& name);

// CrlSet is not thread-safe.
class CrlSet {
 public:
  // New trusts those certificates of `issuers_pem` that chain to `roots_pem`;
  // the roots themselves may stand there too. kInvalidArgument /
  // INPUT_MALFORMED if there is none, or one that does not chain.
  static absl::StatusOr<CrlSet> New(absl::string_view issuers_pem,
                                    absl::string_view roots_pem);

  // Put takes a CRL in the place of the one before. Refused, with the old one
  // kept: kInvalidArgument / CRL_MALFORMED if it is none or a delta,
  // kUnauthenticated / CRL_SIGNATURE_INVALID if no trusted issuer signed it,
  // kFailedPrecondition / CRL_NOT_CURRENT if it is older than the one before,
  // has run out, is another shard's, or claims to be about all certificates of
  // an issuer that has several shards. Returns whether anything changed.
  absl::StatusOr<bool> Put(const CrlName& name, absl::string_view der,
                           absl::Time now);

  // Load takes what is still good of the file of an earlier run, so that
  // nothing goes back behind it.
  void Load(absl::string_view pem, absl::Time now);

  // Keep forgets the CRLs of `issuer` whose shard is not in `shards`; says
  // whether there were any.
  bool Keep(const std::string& issuer, const std::set<int>& shards);

  bool Has(const CrlName& name) const { return crls_.count(name) > 0; }
  size_t size() const { return crls_.size(); }

  // DueAt is when the CRL is to be fetched again, also if nothing was revoked:
  // in the middle of its life.
  absl::Time DueAt(const CrlName& name) const;

  // First to run out, if there is any.
  struct Earliest {
    CrlName name;
    absl::Time next_update;
  };
  std::optional<Earliest> earliest() const;

  // Pem returns all of them, in one order.
  std::string Pem() const;

 private:
  explicit CrlSet(std::vector<x509::Certificate> issuers)
      : issuers_(std::move(issuers)) {}
  bool HasOtherShards(const CrlName& name) const;
  absl::Status CheckSignature(const x509::Crl& crl) const;

  std::vector<x509::Certificate> issuers_;
  std::map<CrlName, x509::Crl> crls_;
};

// CrlFileState is what a file of CRLs says of itself.
struct CrlFileState {
  int crls = 0;
  absl::Time next_update = absl::InfiniteFuture();  // the first to run out
};

// ReadCrlFile reads a file that Pem made. FILE_UNUSABLE, or kInvalidArgument /
// INPUT_MALFORMED, also without any CRL.
absl::StatusOr<CrlFileState> ReadCrlFile(const std::string& path);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CRL_SET_H_
