#include "lib/storage/rows.h"

#include "lib/storage/certificate_store.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/param.h"
#include "pqxx/row"

namespace birthmark::storage {

DeviceRow ReadDevice(const pqxx::row& row, int first_column) {
  const int first = first_column;
  return {.device_uid = ReadText(row[first]),
          .fleet_id = ReadText(row[first + 1]),
          .state = static_cast<DeviceState>(ReadInt(row[first + 2])),
          .model = ReadText(row[first + 3]),
          .serial_number = ReadText(row[first + 4]),
          .hardware_revision = ReadText(row[first + 5]),
          .line_id = ReadText(row[first + 6]),
          .batch_id = ReadText(row[first + 7]),
          .display_name = ReadText(row[first + 8]),
          .current_serial = ReadBytes(row[first + 9]),
          .version = ReadInt(row[first + 10]),
          .create_time = ReadTime(row[first + 11]),
          .update_time = ReadTime(row[first + 12]),
          .last_contact_time = ReadOptionalTime(row[first + 13]),
          .decommission_time = ReadOptionalTime(row[first + 14]),
          .birth_fleet_id = ReadText(row[first + 15]),
          .fleet_time = ReadOptionalTime(row[first + 16]),
          .denials = static_cast<int>(ReadInt(row[first + 17])),
          .replaces = ReadText(row[first + 18]),
          .replaced_by = ReadText(row[first + 19])};
}

KeyRow ReadKey(const pqxx::row& row) {
  return {.spki_sha256 = ReadBytes(row[0]),
          .device_uid = ReadText(row[1]),
          .owner = ReadText(row[2]),
          .usage = static_cast<KeyUsage>(ReadInt(row[3])),
          .state = static_cast<KeyState>(ReadInt(row[4])),
          .algorithm = static_cast<KeyAlgorithm>(ReadInt(row[5])),
          .bits = static_cast<int>(ReadInt(row[6])),
          .serial = ReadBytes(row[7]),
          .profile = ReadText(row[8]),
          .create_time = ReadTime(row[9]),
          .retire_time = ReadOptionalTime(row[10]),
          .protection = static_cast<KeyProtection>(ReadInt(row[11])),
          .first_use_time = ReadOptionalTime(row[12]),
          .last_use_time = ReadOptionalTime(row[13]),
          .issuer_id = ReadText(row[14])};
}

RevocationRow ReadRevocation(const pqxx::row& row, int first_column) {
  const int first = first_column;
  return {.serial = ReadBytes(row[first]),
          .issuer_id = ReadText(row[first + 1]),
          .crl_shard = static_cast<int>(ReadInt(row[first + 2])),
          .not_after = ReadTime(row[first + 3]),
          .state = static_cast<RevocationState>(ReadInt(row[first + 4])),
          .reason = static_cast<int>(ReadInt(row[first + 5])),
          .actor = ReadText(row[first + 6]),
          .version = ReadInt(row[first + 7]),
          .revoke_time = ReadTime(row[first + 8]),
          .invalidity_time = ReadOptionalTime(row[first + 9]),
          .update_time = ReadTime(row[first + 10])};
}

CertificateRow ReadCertificate(const pqxx::row& row) {
  CertificateRow certificate = {
      .serial = ReadBytes(row[0]),
      .issuer_id = ReadText(row[1]),
      .profile = ReadText(row[2]),
      .profile_version = static_cast<int>(ReadInt(row[3])),
      .spki_sha256 = ReadBytes(row[4]),
      .device_uid = ReadText(row[5]),
      .fleet_id = ReadText(row[6]),
      .crl_shard = static_cast<int>(ReadInt(row[7])),
      .not_before = ReadTime(row[8]),
      .not_after = ReadTime(row[9]),
      .certificate_der = ReadBytes(row[10]),
      .create_time = ReadTime(row[11])};
  if (!row[12].is_null()) {
    certificate.revocation = ReadRevocation(row, 12);
  }
  return certificate;
}

}  // namespace birthmark::storage
