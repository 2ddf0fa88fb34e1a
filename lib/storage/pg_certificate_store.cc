#include "lib/storage/pg_certificate_store.h"

#include <algorithm>
#include <map>
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
#include "lib/storage/bulk.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr BulkColumn kColumns[] = {
    Column<sql::Bytea>("serial"),
    Column<sql::Text>("issuer_id"),
    Column<sql::Text>("profile"),
    Column<sql::Integer>("profile_version"),
    Column<sql::Bytea>("spki_sha256"),
    Column<sql::Uuid>("device_uid"),
    Column<sql::Text>("fleet_id"),
    Column<sql::Integer>("crl_shard"),
    Column<sql::Timestamptz>("not_before"),
    Column<sql::Timestamptz>("not_after"),
    Column<sql::Bytea>("certificate_der"),
    Column<sql::Timestamptz>("create_time"),
};
constexpr BulkTable kCertificates = {"certificates", kColumns};
// One certificate and its audit entry.
constexpr Statement kInsertOne = {"certificate_insert_one", R"(
    WITH certificate AS (
      INSERT INTO certificates
        (serial, issuer_id, profile, profile_version, spki_sha256, device_uid,
         fleet_id, crl_shard, not_before, not_after, certificate_der,
         create_time)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12))
    INSERT INTO audit_entries ()" BIRTHMARK_AUDIT_COLUMNS R"()
    VALUES ($13, $14, $15, $16, $17, $18, $19))"};
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

// InsertRows inserts those of `rows` that `order` names. False if one of them
// exists.
bool InsertRows(Session& session, absl::Span<const CertificateRow> rows,
                std::vector<size_t> order, IfTaken if_taken) {
  // In one order everywhere, so that transactions do not wait in a circle.
  std::sort(order.begin(), order.end(), [&rows](size_t a, size_t b) {
    return rows[a].serial < rows[b].serial;
  });
  BulkRows bulk(kCertificates, order.size());
  for (const size_t i : order) {
    const CertificateRow& row = rows[i];
    bulk.Add<sql::Bytea>(row.serial)
        .Add<sql::Text>(row.issuer_id)
        .Add<sql::Text>(row.profile)
        .Add<sql::Integer>(row.profile_version)
        .Add<sql::Bytea>(row.spki_sha256)
        .AddUnlessEmpty<sql::Uuid>(row.device_uid)
        .AddUnlessEmpty<sql::Text>(row.fleet_id)
        .Add<sql::Integer>(row.crl_shard)
        .Add<sql::Timestamptz>(row.not_before)
        .Add<sql::Timestamptz>(row.not_after)
        .Add<sql::Bytea>(row.certificate_der)
        .Add<sql::Timestamptz>(row.create_time);
  }
  return session.InsertBulk(bulk, if_taken) == bulk.size();
}

// InsertOne inserts `row` and its audit entry in one statement. False, and
// nothing is done, if it exists.
bool InsertOne(Session& session, const CertificateRow& row,
               const audit::Entry& entry) {
  std::vector<Param> params = {
      Bytes(row.serial),          Text(row.issuer_id),
      Text(row.profile),          Int(row.profile_version),
      Bytes(row.spki_sha256),     TextOrNull(row.device_uid),
      TextOrNull(row.fleet_id),   Int(row.crl_shard),
      At(row.not_before),         At(row.not_after),
      Bytes(row.certificate_der), At(row.create_time)};
  AddAudit(entry, params);
  return session.ExecUnlessTaken(kInsertOne, std::move(params)).has_value();
}

// FindDers returns the certificates that are recorded under the serials of
// `rows`, by serial.
std::map<std::string, std::string> FindDers(
    Session& session, absl::Span<const CertificateRow> rows) {
  BytesArray serials;
  for (const CertificateRow& row : rows) {
    serials.Add(row.serial);
  }
  std::map<std::string, std::string> ders;
  for (const auto& row : session.Exec(kFindDer, serials.Take())) {
    ders[ReadBytes(row[0])] = ReadBytes(row[1]);
  }
  return ders;
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
  if (rows.size() == 1) {
    bool done = false;
    BIRTHMARK_RETURN_IF_ERROR(database_.TransactInOne(
        [&](Session& session) -> absl::Status {
          done = InsertOne(session, rows[0], entries[0]);
          return absl::OkStatus();
        },
        Database::InDoubt::kRerun));
    if (done) {
      ders.push_back(rows[0].certificate_der);
      return ders;
    }
  }
  // Nearly always all serials are new, and the index says so while it takes the
  // rows. Only a second run looks first.
  auto if_taken =
      rows.size() == 1 ? IfTaken::kInsertRest : IfTaken::kInsertNone;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        const IfTaken now = std::exchange(if_taken, IfTaken::kInsertRest);
        std::map<absl::string_view, absl::string_view> recorded;  // by serial
        std::map<std::string, std::string> found;
        if (now == IfTaken::kInsertRest) {
          found = FindDers(session, rows);
          recorded.insert(found.begin(), found.end());
        }
        std::vector<size_t> fresh;
        std::vector<const audit::Entry*> fresh_entries;
        ders.clear();
        for (size_t i = 0; i < rows.size(); ++i) {
          const auto [known, is_new] =
              recorded.emplace(rows[i].serial, rows[i].certificate_der);
          ders.emplace_back(known->second);
          if (is_new) {
            fresh.push_back(i);
            fresh_entries.push_back(&entries[i]);
          }
        }
        if (!fresh.empty() &&
            !InsertRows(session, rows, std::move(fresh), now)) {
          return session.Rerun();
        }
        RecordAudit(session, fresh_entries);
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
        rows = ReadAll(session.Exec(kFind, BytesArray(serials).Take()));
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
