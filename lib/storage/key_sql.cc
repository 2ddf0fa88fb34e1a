#include "lib/storage/key_sql.h"

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/key_row.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr char kInsertSql[] = R"(
    INSERT INTO keys
      (spki_sha256, device_uid, owner, usage, state, algorithm, bits, serial,
       profile, create_time)
    SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::smallint[],
                         $5::smallint[], $6::smallint[], $7::integer[],
                         $8::bytea[], $9::text[], $10::timestamptz[]))";
constexpr Statement kInsert = {"key_insert", kInsertSql};
constexpr Statement kInsertNew = {"key_insert_new", kInsertSql,
                                  kOnConflictDoNothing};
constexpr Statement kFind = {"key_find", "SELECT " BIRTHMARK_KEY_COLUMNS R"(
    FROM keys k
    LEFT JOIN LATERAL (SELECT issuer_id FROM certificates
                       WHERE serial = k.serial LIMIT 1) c ON true
    WHERE k.spki_sha256 = $1)"};

}  // namespace

int64_t InsertKeys(Session& session, absl::Span<const KeyRow* const> keys,
                   IfTaken if_taken) {
  if (keys.empty()) {
    return 0;
  }
  BytesArray spkis, serials;
  UuidArray devices;
  TextArray owners, profiles;
  SmallintArray usages, states, algorithms;
  IntegerArray bits;
  TimeArray times;
  for (const KeyRow* key : keys) {
    spkis.Add(key->spki_sha256);
    devices.AddUnlessEmpty(key->device_uid);
    owners.Add(key->owner);
    usages.Add(static_cast<int>(key->usage));
    states.Add(static_cast<int>(KeyState::kActive));
    algorithms.Add(static_cast<int>(key->algorithm));
    bits.Add(key->bits);
    serials.Add(key->serial);
    profiles.Add(key->profile);
    times.Add(key->create_time);
  }
  return session.Insert(if_taken == IfTaken::kInsertNone ? kInsert : kInsertNew,
                        spkis.Take(), devices.Take(), owners.Take(),
                        usages.Take(), states.Take(), algorithms.Take(),
                        bits.Take(), serials.Take(), profiles.Take(),
                        times.Take());
}

std::optional<KeyRow> FindKey(Session& session, absl::string_view spki_sha256) {
  const auto result = session.Exec(kFind, Bytes(spki_sha256));
  if (result.empty()) {
    return std::nullopt;
  }
  return ReadKey(result[0]);
}

absl::Status KeyAlreadyEnrolled(absl::string_view spki_sha256) {
  return MakeError(
      absl::StatusCode::kAlreadyExists, reasons::kKeyAlreadyEnrolled,
      "this key was certified before", {{"resource", HexEncode(spki_sha256)}});
}

}  // namespace birthmark::storage
