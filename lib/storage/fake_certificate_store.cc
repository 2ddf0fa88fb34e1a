#include "lib/storage/fake_certificate_store.h"

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"

namespace birthmark::storage {
namespace {

// What the database's own trigger does.
void RevokeIfRetired(FakeDatabase::Tables& tables, const CertificateRow& row) {
  static constexpr char kActor[] = "birthmark:retired-key";
  const auto key = tables.keys.find(row.spki_sha256);
  if (key == tables.keys.end() || key->second.serial != row.serial ||
      key->second.state == KeyState::kActive) {
    return;
  }
  FakeRevoke(tables, row, 5, kActor, row.create_time);
  tables.audit.push_back(
      {.id = FormatUid(row.create_time, crypto::RandomBytes(kUidRandomBytes)),
       .time = row.create_time,
       .actor = kActor,
       .action = "certificate.revoke",
       .resource = absl::StrCat("issuers/", row.issuer_id, "/certificates/",
                                HexEncode(row.serial))});
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FakeCertificateStore::Insert(
    absl::Span<const CertificateRow> rows,
    absl::Span<const audit::Entry> entries) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  if (rows.size() != entries.size()) {
    return absl::InternalError("one audit entry a certificate");
  }
  std::vector<std::string> ders;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [place, fresh] =
        transaction->certificates.emplace(rows[i].serial, rows[i]);
    if (fresh) {
      transaction->audit.push_back(entries[i]);
      RevokeIfRetired(transaction.tables(), rows[i]);
    }
    ders.push_back(place->second.certificate_der);
  }
  transaction.Commit();
  return ders;
}

absl::StatusOr<std::vector<CertificateRow>> FakeCertificateStore::Find(
    absl::Span<const std::string> serials) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<CertificateRow> rows;
  for (const std::string& serial : serials) {
    const auto found = transaction->certificates.find(serial);
    if (found != transaction->certificates.end()) {
      rows.push_back(FakeCertificate(transaction.tables(), found->second));
    }
  }
  return rows;
}

absl::StatusOr<CertificateRow> FakeCertificateStore::Get(
    absl::string_view issuer_id, absl::string_view serial) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->certificates.find(std::string(serial));
  if (found == transaction->certificates.end() ||
      (!issuer_id.empty() && found->second.issuer_id != issuer_id)) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kCertificateNotFound,
                     "fake", {{"resource", HexEncode(serial)}});
  }
  return FakeCertificate(transaction.tables(), found->second);
}

absl::StatusOr<std::vector<CertificateRow>> FakeCertificateStore::List(
    const CertificateFilter& filter, absl::string_view after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<CertificateRow> rows;
  for (const auto& [serial, row] : transaction->certificates) {
    if (serial > after && static_cast<int>(rows.size()) < limit &&
        (filter.issuer_id.empty() || filter.issuer_id == row.issuer_id) &&
        (filter.device_uid.empty() || filter.device_uid == row.device_uid)) {
      rows.push_back(FakeCertificate(transaction.tables(), row));
    }
  }
  return rows;
}

}  // namespace birthmark::storage
