// Rows as the statements of several stores select them, and their readers.
// Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_ROWS_H_
#define BIRTHMARK_LIB_STORAGE_ROWS_H_

#include "lib/storage/certificate_store.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "pqxx/row"

namespace birthmark::storage {

// The columns that the readers below expect, from tables that are called d
// (devices), k (keys), c (certificates) and r (revocations) in the statement.
// Literals, so that whole statements are constants.
#define BIRTHMARK_DEVICE_COLUMNS                                  \
  "d.device_uid, d.fleet_id, d.state, d.model, d.serial_number, " \
  "d.hardware_revision, d.line_id, d.batch_id, d.display_name, "  \
  "d.current_serial, d.version, d.create_time, d.update_time, "   \
  "d.last_contact_time, d.decommission_time, d.birth_fleet_id, "  \
  "d.fleet_time, d.denials, d.replaces, d.replaced_by"
#define BIRTHMARK_KEY_COLUMNS                                             \
  "k.spki_sha256, k.device_uid, k.owner, k.usage, k.state, k.algorithm, " \
  "k.bits, k.serial, k.profile, k.create_time, k.retire_time, "           \
  "k.protection, k.first_use_time, k.last_use_time, c.issuer_id "
#define BIRTHMARK_REVOCATION_COLUMNS                                     \
  "r.serial, r.issuer_id, r.crl_shard, r.not_after, r.state, r.reason, " \
  "r.actor, r.version, r.revoke_time, r.invalidity_time, r.update_time"
#define BIRTHMARK_CERTIFICATE_COLUMNS                                    \
  "c.serial, c.issuer_id, c.profile, c.profile_version, c.spki_sha256, " \
  "c.device_uid, c.fleet_id, c.crl_shard, c.not_before, c.not_after, "   \
  "c.certificate_der, c.create_time, " BIRTHMARK_REVOCATION_COLUMNS

DeviceRow ReadDevice(const pqxx::row& row, int first_column = 0);
KeyRow ReadKey(const pqxx::row& row);
RevocationRow ReadRevocation(const pqxx::row& row, int first_column = 0);
CertificateRow ReadCertificate(const pqxx::row& row);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_ROWS_H_
