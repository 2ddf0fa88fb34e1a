#include "lib/storage/crl_sql.h"

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/param.h"

namespace birthmark::storage {

CrlRow ReadCrl(const pqxx::row& row) {
  CrlRow crl = {.issuer_id = ReadText(row[0]),
                .crl_shard = static_cast<int>(ReadInt(row[1])),
                .number = ReadInt(row[2]),
                .revision = ReadInt(row[3]),
                .this_update = ReadTime(row[4]),
                .next_update = ReadTime(row[5]),
                .expired_before = ReadTime(row[6]),
                .entries = static_cast<int>(ReadInt(row[7]))};
  if (!row[8].is_null()) {
    crl.delta = {.base_number = ReadInt(row[8]),
                 .base_revision = ReadInt(row[9]),
                 .base_time = ReadTime(row[10]),
                 .entries = static_cast<int>(ReadInt(row[11]))};
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
