#include "services/ca/crl_issuer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"

namespace birthmark::ca {
namespace {

x509::CrlSpec SpecFor(const Issuer& issuer, int shard,
                      const std::vector<storage::RevocationRow>& revocations) {
  x509::CrlSpec spec;
  spec.signature_algorithm = issuer.algorithm();
  spec.issuer_name_der = std::string(issuer.certificate()->subject_der);
  spec.issuer_key_id = *issuer.certificate()->subject_key_id;
  spec.shard_uri = issuer.CrlUri(shard);
  spec.entries.reserve(revocations.size());
  for (const storage::RevocationRow& row : revocations) {
    spec.entries.push_back({row.serial, row.revoke_time,
                            static_cast<x509::RevocationReason>(row.reason),
                            row.invalidity_time});
  }
  // One order, so that equal content is equal bytes.
  std::sort(spec.entries.begin(), spec.entries.end(),
            [](const x509::CrlEntry& a, const x509::CrlEntry& b) {
              return a.serial < b.serial;
            });
  return spec;
}

// Whether `newest` is what `spec` would give under its number and times. Whole
// bytes are compared, since times are whole seconds: a revocation may come in
// the second of the CRL that lacks it.
bool SaysTheSame(const storage::CrlRow& newest, x509::CrlSpec& spec) {
  spec.number = static_cast<uint64_t>(newest.number);
  spec.this_update = newest.this_update;
  spec.next_update = newest.next_update;
  const auto tbs = x509::BuildCrlTbs(spec);
  const auto crl = x509::Crl::Parse(newest.crl_der);
  return tbs.ok() && crl.ok() && (*crl)->tbs == *tbs;
}

audit::Entry EntryFor(const Issuer& issuer, const storage::CrlRow& row,
                      absl::string_view caller, Clock& clock) {
  audit::Entry entry;
  entry.id = crypto::NewUid(clock);
  entry.time = row.this_update;
  entry.actor = std::string(caller);
  entry.action = "crl.sign";
  entry.resource = absl::StrCat(issuer.name(), "/crls/", row.crl_shard);
  entry.details = {
      {"number", absl::StrCat(row.number)},
      {"entries", absl::StrCat(row.entries)},
      {"crl_sha256", HexEncode(crypto::Sha256(row.crl_der))},
  };
  return entry;
}

}  // namespace

absl::StatusOr<storage::CrlRow> CrlIssuer::Current(const Issuer& issuer,
                                                   int shard,
                                                   absl::string_view caller) {
  if (shard < 0 || shard > issuer.open_shard()) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     absl::StrCat("shard: ", issuer.name(),
                                  " has the shards 0 "
                                  "to ",
                                  issuer.open_shard()),
                     {{"field", "shard"}});
  }
  const absl::Time now = NowSeconds(clock_);
  bool made = false;
  BIRTHMARK_ASSIGN_OR_RETURN(
      storage::CrlRow row,
      crls_.Refresh(
          issuer.id(), shard, now,
          [&](const std::optional<storage::CrlRow>& newest, int64_t next_number,
              const std::vector<storage::RevocationRow>& revocations) {
            auto crl = Make(issuer, shard, caller, now, newest, next_number,
                            revocations);
            made = crl.ok() && crl->has_value();
            return crl;
          }));
  if (made) {
    metrics_.crls_signed.With({issuer.id()}).Increment();
  }
  metrics_.crl_entries.With({issuer.id()}).Set(row.entries);
  return row;
}

absl::StatusOr<std::optional<storage::CrlStore::MadeCrl>> CrlIssuer::Make(
    const Issuer& issuer, int shard, absl::string_view caller, absl::Time now,
    const std::optional<storage::CrlRow>& newest, int64_t next_number,
    const std::vector<storage::RevocationRow>& revocations) const {
  x509::CrlSpec spec = SpecFor(issuer, shard, revocations);
  if (newest.has_value() && now - newest->this_update < lifetime_ / 2 &&
      now < newest->next_update && SaysTheSame(*newest, spec)) {
    return std::nullopt;
  }
  // Another process's clock may be ahead: thisUpdate never goes back.
  spec.this_update =
      newest.has_value() ? std::max(now, newest->this_update) : now;
  spec.next_update = spec.this_update + lifetime_;
  spec.number = static_cast<uint64_t>(next_number);
  BIRTHMARK_ASSIGN_OR_RETURN(std::string tbs, x509::BuildCrlTbs(spec));

  storage::CrlStore::MadeCrl made;
  BIRTHMARK_ASSIGN_OR_RETURN(made.row.crl_der, issuer.SignCrl(tbs));
  made.row.issuer_id = issuer.id();
  made.row.crl_shard = shard;
  made.row.number = next_number;
  made.row.this_update = spec.this_update;
  made.row.next_update = spec.next_update;
  made.row.entries = static_cast<int>(spec.entries.size());
  made.mutation.audit.push_back(EntryFor(issuer, made.row, caller, clock_));
  return made;
}

}  // namespace birthmark::ca
