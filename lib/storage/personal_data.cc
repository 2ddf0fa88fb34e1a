#include "lib/storage/personal_data.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/storage/param.h"

namespace birthmark::storage {
namespace {

constexpr Statement kErase = {"personal_erase_labels", R"(
    DELETE FROM device_labels l USING unnest($1::uuid[]) AS u (device_uid)
    WHERE l.device_uid = u.device_uid AND (l.personal OR $2)
    RETURNING l.device_uid, l.label_key, l.personal, l.value, l.salt)"};
constexpr Statement kNames = {"personal_names", R"(
    SELECT d.device_uid, d.display_name, d.display_name_salt
    FROM unnest($1::uuid[]) AS u (device_uid)
    JOIN devices d ON d.device_uid = u.device_uid
    WHERE d.display_name <> '')"};
constexpr Statement kEraseNames = {"personal_erase_names", R"(
    UPDATE devices SET display_name = '', display_name_salt = NULL
    WHERE device_uid = ANY ($1::uuid[]))"};

std::map<std::string, ErasedData> EraseAll(
    Session& session, absl::Span<const std::string> device_uids,
    bool all_labels) {
  std::map<std::string, ErasedData> erased;
  for (const auto& row : session.Exec(kErase, UuidArray(device_uids).Take(),
                                      Text(all_labels ? "t" : "f"))) {
    ErasedData& data = erased[ReadText(row[0])];
    if (ReadBool(row[2])) {
      data.labels[ReadText(row[1])] =
          Commitment(ReadBytes(row[4]), ReadText(row[3]));
    }
  }
  UuidArray named;
  bool any = false;
  for (const auto& row : session.Exec(kNames, UuidArray(device_uids).Take())) {
    const std::string uid = ReadText(row[0]);
    erased[uid].display_name = Commitment(ReadBytes(row[2]), ReadText(row[1]));
    named.Add(uid);
    any = true;
  }
  if (any) {
    session.Exec(kEraseNames, named.Take());
  }
  return erased;
}

}  // namespace

std::string Commitment(absl::string_view salt, absl::string_view value) {
  return HexEncode(crypto::Sha256(absl::StrCat(salt, value)));
}

std::map<std::string, ErasedData> ErasePersonalData(
    Session& session, absl::Span<const std::string> device_uids) {
  return EraseAll(session, device_uids, /*all_labels=*/false);
}

std::map<std::string, ErasedData> EraseLabelsAndNames(
    Session& session, absl::Span<const std::string> device_uids) {
  return EraseAll(session, device_uids, /*all_labels=*/true);
}

void AddCommitments(const ErasedData& erased,
                    std::map<std::string, std::string>& details) {
  for (const auto& [key, commitment] : erased.labels) {
    details[absl::StrCat("erased.label.", key)] = commitment;
  }
  if (!erased.display_name.empty()) {
    details["erased.display_name"] = erased.display_name;
  }
}

}  // namespace birthmark::storage
