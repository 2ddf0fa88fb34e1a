#include "lib/storage/crl_sql.h"

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/param.h"

namespace birthmark::storage {

CrlRow ReadCrl(const pqxx::row& row, int first_column) {
  const int first = first_column;
  CrlRow crl = {.issuer_id = ReadText(row[first]),
                .crl_shard = static_cast<int>(ReadInt(row[first + 1])),
                .number = ReadInt(row[first + 2]),
                .revision = ReadInt(row[first + 3]),
                .this_update = ReadTime(row[first + 4]),
                .next_update = ReadTime(row[first + 5]),
                .expired_before = ReadTime(row[first + 6]),
                .entries = static_cast<int>(ReadInt(row[first + 7]))};
  if (!row[first + 8].is_null()) {
    crl.delta = {.base_number = ReadInt(row[first + 8]),
                 .base_revision = ReadInt(row[first + 9]),
                 .base_time = ReadTime(row[first + 10]),
                 .entries = static_cast<int>(ReadInt(row[first + 11]))};
  }
  return crl;
}

absl::Status CrlShardNotFound(absl::string_view issuer_id, int crl_shard) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kCrlShardNotFound,
                   "there is no such CRL shard",
                   {{"resource", absl::StrCat("issuers/", issuer_id,
                                              "/crlShards/", crl_shard)}});
}

}  // namespace birthmark::storage
