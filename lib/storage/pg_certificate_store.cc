#include "lib/storage/pg_certificate_store.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kInsert = {"certificate_insert", R"(
    INSERT INTO certificates
      (serial, issuer_id, profile, profile_version, spki_sha256, device_uid,
       fleet_id, crl_shard, not_before, not_after, certificate_der, create_time)
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::integer[],
                         $5::bytea[], $6::uuid[], $7::text[], $8::integer[],
                         $9::timestamptz[], $10::timestamptz[], $11::bytea[],
                         $12::timestamptz[])
    ON CONFLICT DO NOTHING
    RETURNING serial)"};
constexpr Statement kFindDer = {"certificate_find_der", R"(
    SELECT u.serial, c.certificate_der
    FROM unnest($1::bytea[]) u (serial)
    JOIN LATERAL (SELECT certificate_der FROM certificates
                  WHERE serial = u.serial LIMIT 1) c ON true)"};
constexpr Statement kFind = {"certificate_find",
                             "SELECT " BIRTHMARK_CERTIFICATE_COLUMNS R"(
    FROM unnest($1::bytea[]) u (serial)
    JOIN LATERAL (SELECT * FROM certificates
                  WHERE serial = u.serial LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT * FROM revocations
                       WHERE serial = u.serial LIMIT 1) r ON true)"};
constexpr Statement kList = {"certificate_list",
                             "SELECT " BIRTHMARK_CERTIFICATE_COLUMNS R"(
    FROM certificates c
    LEFT JOIN LATERAL (SELECT * FROM revocations
                       WHERE serial = c.serial LIMIT 1) r ON true
    WHERE c.serial > $1 AND ($2::text = '' OR c.issuer_id = $2::text)
    ORDER BY c.serial LIMIT $3)"};
constexpr Statement kListOfDevice = {"certificate_list_of_device",
                                     "SELECT " BIRTHMARK_CERTIFICATE_COLUMNS R"(
    FROM certificates c
    LEFT JOIN LATERAL (SELECT * FROM revocations
                       WHERE serial = c.serial LIMIT 1) r ON true
    WHERE c.serial > $1 AND ($2::text = '' OR c.issuer_id = $2::text)
      AND c.device_uid = $4
    ORDER BY c.serial LIMIT $3)"};

pqxx::result InsertRows(Session& session,
                        absl::Span<const CertificateRow> rows) {
  // In one order everywhere, so that transactions do not wait in a circle.
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&rows](size_t a, size_t b) {
    return rows[a].serial < rows[b].serial;
  });
  Array serials, issuers, profiles, versions, spkis, devices, fleets, shards,
      starts, ends, ders, times;
  for (const size_t i : order) {
    const CertificateRow& row = rows[i];
    serials.Add(Bytes(row.serial));
    issuers.Add(Text(row.issuer_id));
    profiles.Add(Text(row.profile));
    versions.Add(Int(row.profile_version));
    spkis.Add(Bytes(row.spki_sha256));
    devices.Add(TextOrNull(row.device_uid));
    fleets.Add(TextOrNull(row.fleet_id));
    shards.Add(Int(row.crl_shard));
    starts.Add(At(row.not_before));
    ends.Add(At(row.not_after));
    ders.Add(Bytes(row.certificate_der));
    times.Add(At(row.create_time));
  }
  return session.Exec(kInsert, serials.Take(), issuers.Take(), profiles.Take(),
                      versions.Take(), spkis.Take(), devices.Take(),
                      fleets.Take(), shards.Take(), starts.Take(), ends.Take(),
                      ders.Take(), times.Take());
}

std::vector<CertificateRow> ReadAll(const pqxx::result& result) {
  std::vector<CertificateRow> rows;
  rows.reserve(result.size());
  for (const auto& row : result) {
    rows.push_back(ReadCertificate(row));
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> PgCertificateStore::Insert(
    absl::Span<const CertificateRow> rows,
    absl::Span<const audit::Entry> entries) {
  if (rows.size() != entries.size()) {
    return absl::InternalError("one audit entry a certificate");
  }
  std::vector<std::string> ders;
  if (rows.empty()) {
    return ders;
  }
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        std::map<std::string, bool> fresh;  // serial, and whether it is used up
        for (const auto& row : InsertRows(session, rows)) {
          fresh[ReadBytes(row[0])] = false;
        }
        std::vector<audit::Entry> fresh_entries;
        std::vector<std::string> earlier;
        ders.assign(rows.size(), "");
        for (size_t i = 0; i < rows.size(); ++i) {
          const auto found = fresh.find(rows[i].serial);
          if (found != fresh.end() && !found->second) {
            found->second = true;
            ders[i] = rows[i].certificate_der;
            fresh_entries.push_back(entries[i]);
          } else {
            earlier.push_back(rows[i].serial);
          }
        }
        RecordAudit(session, fresh_entries);
        if (earlier.empty()) {
          return absl::OkStatus();
        }
        std::map<std::string, std::string> stored;
        for (const auto& row : session.Exec(kFindDer, BytesArray(earlier))) {
          stored[ReadBytes(row[0])] = ReadBytes(row[1]);
        }
        for (size_t i = 0; i < rows.size(); ++i) {
          if (ders[i].empty()) {
            ders[i] = stored[rows[i].serial];
          }
        }
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return ders;
}

absl::StatusOr<std::vector<CertificateRow>> PgCertificateStore::Find(
    absl::Span<const std::string> serials) {
  std::vector<CertificateRow> rows;
  if (serials.empty()) {
    return rows;
  }
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows = ReadAll(session.Exec(kFind, BytesArray(serials)));
        return absl::OkStatus();
      }));
  return rows;
}

absl::StatusOr<CertificateRow> PgCertificateStore::Get(
    absl::string_view issuer_id, absl::string_view serial) {
  const std::string wanted(serial);
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<CertificateRow> rows,
                             Find(absl::MakeSpan(&wanted, 1)));
  if (rows.empty() || (!issuer_id.empty() && rows[0].issuer_id != issuer_id)) {
    return MakeError(
        absl::StatusCode::kNotFound, reasons::kCertificateNotFound,
        "there is no such certificate",
        {{"resource",
          absl::StrCat("issuers/", issuer_id.empty() ? "-" : issuer_id,
                       "/certificates/", HexEncode(serial))}});
  }
  return std::move(rows[0]);
}

absl::StatusOr<std::vector<CertificateRow>> PgCertificateStore::List(
    const CertificateFilter& filter, absl::string_view after, int limit) {
  std::vector<CertificateRow> rows;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows = ReadAll(filter.device_uid.empty()
                           ? session.Exec(kList, Bytes(after),
                                          Text(filter.issuer_id), Int(limit))
                           : session.Exec(kListOfDevice, Bytes(after),
                                          Text(filter.issuer_id), Int(limit),
                                          Text(filter.device_uid)));
        return absl::OkStatus();
      }));
  return rows;
}

}  // namespace birthmark::storage
