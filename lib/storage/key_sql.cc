#include "lib/storage/key_sql.h"

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/bulk.h"
#include "lib/storage/key_row.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr BulkColumn kColumns[] = {
    Column<sql::Bytea>("spki_sha256"),
    Column<sql::Uuid>("device_uid"),
    Column<sql::Text>("owner"),
    Column<sql::Smallint>("usage"),
    Column<sql::Smallint>("state"),
    Column<sql::Smallint>("algorithm"),
    Column<sql::Integer>("bits"),
    Column<sql::Bytea>("serial"),
    Column<sql::Text>("profile"),
    Column<sql::Timestamptz>("create_time"),
    Column<sql::Smallint>("protection"),
};
constexpr BulkTable kKeys = {"keys", kColumns, /*hashed=*/true};
constexpr Statement kFind = {"key_find", "SELECT " BIRTHMARK_KEY_COLUMNS R"(
    FROM keys k
    LEFT JOIN LATERAL (SELECT issuer_id FROM certificates
                       WHERE serial = k.serial LIMIT 1) c ON true
    WHERE k.spki_sha256 = $1)"};

}  // namespace

int64_t InsertKeys(Session& session, absl::Span<const KeyRow* const> keys,
                   IfTaken if_taken) {
  BulkRows rows(kKeys, keys.size());
  for (const KeyRow* key : keys) {
    rows.Add<sql::Bytea>(key->spki_sha256)
        .AddUnlessEmpty<sql::Uuid>(key->device_uid)
        .Add<sql::Text>(key->owner)
        .Add<sql::Smallint>(static_cast<int>(key->usage))
        .Add<sql::Smallint>(static_cast<int>(KeyState::kActive))
        .Add<sql::Smallint>(static_cast<int>(key->algorithm))
        .Add<sql::Integer>(key->bits)
        .Add<sql::Bytea>(key->serial)
        .Add<sql::Text>(key->profile)
        .Add<sql::Timestamptz>(key->create_time)
        .Add<sql::Smallint>(static_cast<int>(key->protection));
  }
  return session.InsertBulk(rows, if_taken);
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
