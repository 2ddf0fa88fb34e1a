#include "services/birthmarkd/record_certificates.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/x509/certificate.h"
#include "lib/x509/serial.h"
#include "services/birthmarkd/role.h"

namespace birthmark::birthmarkd {
namespace {

// Nobody who calls: whoever runs the migration is the database's owner.
constexpr char kActor[] = "system:migrate";
// No role has the root's key: what it signed is on no CRL.
constexpr int kOnNoCrl = -1;

absl::StatusOr<x509::Certificate> ReadCertificate(const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  auto certificates = x509::Certificate::ParsePem(pem);
  if (!certificates.ok()) {
    return InField(path, certificates.status());
  }
  return certificates->front();
}

absl::StatusOr<storage::CertificateRow> RowFor(
    const config::v1::RecordedCertificate& recorded, Clock& clock) {
  if (!IsResourceId(recorded.issuer())) {
    return absl::InvalidArgumentError("issuer: must match [a-z0-9-]{1,63}");
  }
  if (!IsResourceId(recorded.profile())) {
    return absl::InvalidArgumentError("profile: must match [a-z0-9-]{1,63}");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Certificate certificate,
                             ReadCertificate(recorded.certificate_file()));
  storage::CertificateRow row;
  BIRTHMARK_ASSIGN_OR_RETURN(row.serial,
                             x509::SerialFromHex(certificate->serial_hex));
  row.issuer_id = recorded.issuer();
  row.profile = recorded.profile();
  row.profile_version = 1;
  row.spki_sha256 = crypto::Sha256(certificate->spki_der);
  row.not_before = certificate->not_before;
  row.not_after = certificate->not_after;
  row.crl_shard = certificate.is_ca() ? kOnNoCrl : 0;
  row.certificate_der = certificate->der;
  row.create_time = NowSeconds(clock);
  return row;
}

audit::Entry EntryFor(const storage::CertificateRow& row, Clock& clock) {
  audit::Entry entry;
  entry.id = crypto::NewUid(clock);
  entry.time = row.create_time;
  entry.actor = kActor;
  entry.action = "certificate.record";
  entry.resource = absl::StrCat("issuers/", row.issuer_id, "/certificates/",
                                x509::SerialToHex(row.serial));
  entry.details = {
      {"profile", row.profile},
      {"spki_sha256", HexEncode(row.spki_sha256)},
      {"certificate_sha256", HexEncode(crypto::Sha256(row.certificate_der))},
  };
  return entry;
}

// Before the certificates: a shard that is known in vain does no harm.
absl::Status RecordShards(const std::vector<storage::CertificateRow>& rows,
                          const std::vector<storage::CertificateRow>& known,
                          storage::CrlShardStore& shards, Clock& clock) {
  std::set<std::string> known_serials;
  for (const storage::CertificateRow& row : known) {
    known_serials.insert(row.serial);
  }
  struct Shard {
    int places = 0;
    absl::Time live_until = absl::InfinitePast();
  };
  std::map<std::string, Shard> by_issuer;
  for (const storage::CertificateRow& row : rows) {
    if (row.crl_shard != kOnNoCrl && known_serials.count(row.serial) == 0) {
      Shard& shard = by_issuer[row.issuer_id];
      ++shard.places;
      shard.live_until = std::max(shard.live_until, row.not_after);
    }
  }
  for (const auto& [issuer, shard] : by_issuer) {
    BIRTHMARK_RETURN_IF_ERROR(shards.Record(
        issuer, 0, shard.places, shard.live_until, NowSeconds(clock)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> RecordCertificates(const config::v1::MigrateConfig& config,
                                       storage::CertificateStore& certificates,
                                       storage::CrlShardStore& shards,
                                       Clock& clock) {
  std::vector<storage::CertificateRow> rows;
  std::vector<audit::Entry> entries;
  std::vector<std::string> serials;
  std::map<std::string, size_t> by_serial;
  for (int i = 0; i < config.certificates_size(); ++i) {
    auto row = RowFor(config.certificates(i), clock);
    if (!row.ok()) {
      return InField(absl::StrCat("certificates[", i, "]"), row.status());
    }
    if (!by_serial.emplace(row->serial, rows.size()).second) {
      continue;  // the same file under two names
    }
    serials.push_back(row->serial);
    entries.push_back(EntryFor(*row, clock));
    rows.push_back(*std::move(row));
  }
  if (rows.empty()) {
    return 0;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto known, certificates.Find(serials));
  BIRTHMARK_RETURN_IF_ERROR(RecordShards(rows, known, shards, clock));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto recorded,
                             certificates.Insert(rows, entries));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (recorded[i] != rows[i].certificate_der) {
      return MakeError(absl::StatusCode::kAlreadyExists,
                       reasons::kCertificateExists,
                       absl::StrCat(entries[i].resource,
                                    " is recorded with another certificate"),
                       {{"resource", entries[i].resource}});
    }
  }
  return static_cast<int>(rows.size() - known.size());
}

}  // namespace birthmark::birthmarkd
