// The least grants: what each service's role may do, table by table, and that
// nobody can rewrite history.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using tests::PostgresCluster;

// One database for all of these: nothing here changes it.
const std::string& DatabaseName() {
  static const auto& name =
      *new std::string(PostgresCluster::Shared().CreateDatabase());
  return name;
}

struct Grants {
  const char* table;
  // Letters: s select, i insert, u update; (s), (u) of some columns.
  const char* ca;
  const char* registration;
  const char* inventory;
  const char* status;
};

// The whole truth: a table or right that is not here must not be there.
constexpr Grants kGrants[] = {
    {"audit_entries", "i", "i", "i", ""},
    {"batch_items", "", "siu", "", ""},
    {"batches", "", "siu", "s", ""},
    {"certificates", "si", "s", "s", "(s)"},
    {"crl_shards", "siu", "s", "s", "s"},
    {"crls", "siu", "s", "s", "s"},
    {"decommissions", "", "s(u)", "siu", ""},
    {"device_count_changes", "", "", "s", ""},
    {"device_counts", "", "", "s", ""},
    {"device_events", "", "si", "si", ""},
    {"device_firmware", "", "siu", "s(u)", ""},
    {"device_job_items", "", "", "siu", ""},
    {"device_jobs", "", "", "siu", ""},
    {"device_labels", "", "", "si(u) DELETE", ""},
    {"device_replacements", "", "", "siu", ""},
    {"device_transfers", "", "", "siu", ""},
    {"devices", "", "si(u)", "s(u)", ""},
    {"enforcement_points", "", "siu", "", ""},
    {"findings", "", "si(u)", "siu", ""},
    {"firmware_digests", "", "si", "s", ""},
    {"firmware_reports", "", "i", "s", ""},
    {"fleets", "", "s", "siu", ""},
    {"key_audits", "", "", "siu", ""},
    {"keys", "", "si(u)", "s(u)", ""},
    {"keys_stopped_uncertified", "", "", "", ""},
    {"lines", "", "siu", "s", ""},
    {"quarantines", "", "si", "siu", ""},
    {"requests", "", "si", "si DELETE", ""},
    {"revocation_changes", "s", "s", "", "s"},
    {"revocation_jobs", "", "siu", "", ""},
    {"revocations", "s", "siu", "siu", "s"},
    {"schema_migrations", "s", "s", "s", "s"},
};

// Actual returns the rights of a role on a table in the letters above; rights
// that have no letter are spelled out.
std::string Actual(absl::string_view role, absl::string_view table) {
  const std::string rights = PostgresCluster::Shared().Sql(
      DatabaseName(),
      absl::StrCat(
          "SELECT concat("
          "CASE WHEN has_table_privilege(r, t, 'SELECT') THEN 's'"
          "     WHEN has_any_column_privilege(r, t, 'SELECT') THEN '(s)' END,"
          "CASE WHEN has_table_privilege(r, t, 'INSERT') THEN 'i' END,"
          "CASE WHEN has_table_privilege(r, t, 'UPDATE') THEN 'u'"
          "     WHEN has_any_column_privilege(r, t, 'UPDATE') THEN '(u)' END,"
          "CASE WHEN has_table_privilege(r, t, 'DELETE') THEN ' DELETE' END,"
          "CASE WHEN has_table_privilege(r, t, 'TRUNCATE')"
          "     THEN ' TRUNCATE' END,"
          "CASE WHEN has_table_privilege(r, t, 'REFERENCES')"
          "     THEN ' REFERENCES' END,"
          "CASE WHEN has_table_privilege(r, t, 'TRIGGER') THEN ' TRIGGER' END)"
          " FROM (VALUES ('",
          role, "'::name, '", table, "'::text)) v (r, t)"));
  return rights.substr(0, rights.find('\n'));
}

class GrantsTest : public testing::TestWithParam<Grants> {};

TEST_P(GrantsTest, AreJustThese) {
  const Grants& want = GetParam();
  EXPECT_EQ(Actual(PostgresCluster::kCa, want.table), want.ca);
  EXPECT_EQ(Actual(PostgresCluster::kRegistration, want.table),
            want.registration);
  EXPECT_EQ(Actual(PostgresCluster::kInventory, want.table), want.inventory);
  EXPECT_EQ(Actual(PostgresCluster::kStatus, want.table), want.status);
}

INSTANTIATE_TEST_SUITE_P(All, GrantsTest, testing::ValuesIn(kGrants),
                         [](const auto& info) {
                           std::string name = info.param.table;
                           return name;
                         });

TEST(TablesTest, AreAllListed) {
  std::set<std::string> want;
  for (const Grants& grants : kGrants) {
    want.insert(grants.table);
  }
  const std::set<std::string> got = absl::StrSplit(
      PostgresCluster::Shared().Sql(
          DatabaseName(),
          "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT "
          "relispartition AND relnamespace = 'public'::regnamespace"),
      '\n', absl::SkipEmpty());
  EXPECT_EQ(got, want);
}

TEST(TablesTest, HaveNoGrantsOnTheirPartitions) {
  EXPECT_EQ(PostgresCluster::Shared().Sql(
                DatabaseName(),
                "SELECT relname FROM pg_class c, "
                "(VALUES ('birthmark_ca'), ('birthmark_registration'), "
                "('birthmark_inventory'), ('birthmark_status')) r (name) WHERE "
                "relispartition AND "
                "relkind = 'r' AND has_table_privilege(r.name, c.oid, "
                "'SELECT,INSERT,UPDATE,DELETE,TRUNCATE')"),
            "");
}

TEST(ColumnsTest, ThatMayBeReadOrUpdatedAreJustThese) {
  const auto columns = [](absl::string_view table, absl::string_view role,
                          absl::string_view right = "UPDATE") {
    std::string list = PostgresCluster::Shared().Sql(
        DatabaseName(),
        absl::StrCat("SELECT string_agg(attname, ' ' ORDER BY attname) FROM "
                     "pg_attribute WHERE attrelid = '",
                     table, "'::regclass AND attnum > 0 AND ",
                     "has_column_privilege('", role, "', attrelid, attnum, '",
                     right, "')"));
    return list.substr(0, list.find('\n'));
  };
  EXPECT_EQ(columns("devices", PostgresCluster::kRegistration),
            "contact_day current_serial last_contact_time state update_time "
            "version");
  EXPECT_EQ(
      columns("devices", PostgresCluster::kInventory),
      "birth_fleet_id decommission_time display_name display_name_salt "
      "fleet_id fleet_time replaced_by replaces state update_time version");
  EXPECT_EQ(columns("keys", PostgresCluster::kInventory), "retire_time state");
  EXPECT_EQ(columns("keys", PostgresCluster::kRegistration),
            "first_use_time last_use_time retire_time state");
  EXPECT_EQ(columns("findings", PostgresCluster::kRegistration),
            "details last_time times version");
  EXPECT_EQ(columns("decommissions", PostgresCluster::kRegistration),
            "wipe_key wipe_outcome wipe_receipt wipe_time");
  EXPECT_EQ(columns("device_firmware", PostgresCluster::kInventory),
            "fleet_id");
  EXPECT_EQ(columns("device_labels", PostgresCluster::kInventory),
            "fleet_id label_type personal salt value");
  EXPECT_EQ(columns("certificates", PostgresCluster::kStatus, "SELECT"),
            "crl_shard issuer_id not_after not_before serial");
}

TEST(FunctionsTest, AreForJustThese) {
  const auto callers = [](absl::string_view function) {
    std::string list = PostgresCluster::Shared().Sql(
        DatabaseName(),
        absl::StrCat("SELECT string_agg(substring(rolname FROM 11), ' ' "
                     "ORDER BY rolname) FROM pg_roles WHERE rolname IN "
                     "('birthmark_ca', 'birthmark_registration', "
                     "'birthmark_inventory', 'birthmark_status') AND "
                     "has_function_privilege(rolname, '",
                     function, "', 'EXECUTE')"));
    return list.substr(0, list.find('\n'));
  };
  EXPECT_EQ(callers("fold_device_counts()"), "inventory");
  EXPECT_EQ(callers("hold_uncertified_keys(uuid[])"), "inventory registration");
  EXPECT_EQ(callers("release_uncertified_keys(uuid[])"),
            "inventory registration");
  EXPECT_EQ(callers("wiping_device(bytea)"),
            "ca inventory registration status");
}

struct Act {
  const char* name;
  const char* role;
  const char* sql;
};
class RefusedTest : public testing::TestWithParam<Act> {};

TEST_P(RefusedTest, ByTheDatabase) {
  auto database = Database::Open(
      PostgresCluster::Shared().Dsn(DatabaseName(), GetParam().role), 1);
  ASSERT_OK(database);
  const absl::Status status = (*database)->Transact([](Session& session) {
    session.ExecScript(GetParam().sql);
    return absl::AbortedError("it was allowed");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(status.message()),
              testing::AnyOf(testing::HasSubstr("permission denied"),
                             testing::HasSubstr("append-only"),
                             testing::HasSubstr("stays retired"),
                             testing::HasSubstr("must be owner")));
}

// A row for the owner to try its hands on; the transaction never commits.
#define ONE_ENTRY                                                   \
  "INSERT INTO audit_entries VALUES ('2026-11-22', "                \
  "'0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b', 'a', 'a.b', 'r', '{}', " \
  "sha256('')); "
#define ONE_CERTIFICATE                                                  \
  "INSERT INTO certificates VALUES (substring(sha256('') for 16), 'i', " \
  "'p', 1, sha256(''), NULL, NULL, 0, '2026-01-01', '2027-01-01', '', "  \
  "'2026-01-01'); "
#define RETIRED_KEY                                                \
  "INSERT INTO keys VALUES (sha256(''), NULL, 'o', 3, 2, 1, 256, " \
  "substring(sha256('') for 16), 'p', '2026-01-01', '2026-01-02'); "
#define ONE_CHANGE                                                           \
  "INSERT INTO revocation_changes VALUES (1, substring(sha256('') for 16), " \
  "'i', 0, '2027-01-01', 2, 1, '2026-01-01', NULL, '2026-01-01'); "

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTest,
    testing::Values(
        Act{"CaInsertsADevice", PostgresCluster::kCa,
            "INSERT INTO devices (device_uid) VALUES (NULL)"},
        Act{"CaReadsKeys", PostgresCluster::kCa, "SELECT * FROM keys"},
        Act{"CaRevokes", PostgresCluster::kCa,
            "INSERT INTO revocations (serial) VALUES (NULL)"},
        Act{"RegistrationIssues", PostgresCluster::kRegistration,
            "INSERT INTO certificates (serial) VALUES (NULL)"},
        Act{"RegistrationMovesADevice", PostgresCluster::kRegistration,
            "UPDATE devices SET fleet_id = 'other'"},
        Act{"RegistrationClosesAFinding", PostgresCluster::kRegistration,
            "UPDATE findings SET state = 3"},
        Act{"RegistrationForgetsADenial", PostgresCluster::kRegistration,
            "UPDATE devices SET denials = 0"},
        Act{"RegistrationEndsADecommission", PostgresCluster::kRegistration,
            "UPDATE decommissions SET end_time = create_time"},
        Act{"RegistrationReleasesFromQuarantine",
            PostgresCluster::kRegistration,
            "UPDATE quarantines SET release_time = create_time"},
        Act{"RegistrationChangesADigest", PostgresCluster::kRegistration,
            "UPDATE firmware_digests SET digest = sha256('')"},
        Act{"RegistrationReadsLabels", PostgresCluster::kRegistration,
            "SELECT value FROM device_labels"},
        Act{"RegistrationRaisesACount", PostgresCluster::kRegistration,
            "INSERT INTO device_count_changes (devices) VALUES (1)"},
        Act{"StatusReadsFindings", PostgresCluster::kStatus,
            "SELECT * FROM findings"},
        Act{"CaReadsDecommissions", PostgresCluster::kCa,
            "SELECT * FROM decommissions"},
        Act{"InventoryChangesFirmware", PostgresCluster::kInventory,
            "UPDATE device_firmware SET digest = sha256('')"},
        Act{"InventoryChangesACount", PostgresCluster::kInventory,
            "UPDATE device_counts SET devices = 0"},
        Act{"InventoryForgetsADenial", PostgresCluster::kInventory,
            "UPDATE devices SET denials = 0"},
        Act{"InventoryDeletesAFinding", PostgresCluster::kInventory,
            "DELETE FROM findings"},
        Act{"RegistrationChangesAKeysOwner", PostgresCluster::kRegistration,
            "UPDATE keys SET owner = 'x'"},
        Act{"RegistrationRevivesAKey", PostgresCluster::kRegistration,
            RETIRED_KEY "UPDATE keys SET state = 1, retire_time = NULL"},
        Act{"OwnerRevivesAKey", PostgresCluster::kOwner,
            RETIRED_KEY "UPDATE keys SET state = 1, retire_time = NULL"},
        Act{"RegistrationWritesTheLogOfRevocations",
            PostgresCluster::kRegistration,
            "INSERT INTO revocation_changes (revision) VALUES (1)"},
        Act{"RegistrationSetsTheRevision", PostgresCluster::kRegistration,
            "SELECT setval('revocation_revisions', 1)"},
        Act{"RegistrationMakesCrls", PostgresCluster::kRegistration,
            "UPDATE crls SET number = 1"},
        Act{"CaSkipsRevisions", PostgresCluster::kCa,
            "SELECT skip_revocation_revisions(1)"},
        Act{"StatusSkipsRevisions", PostgresCluster::kStatus,
            "SELECT skip_revocation_revisions(1)"},
        Act{"StatusReadsCertificates", PostgresCluster::kStatus,
            "SELECT certificate_der FROM certificates"},
        Act{"StatusReadsWhoseCertificatesTheyAre", PostgresCluster::kStatus,
            "SELECT device_uid FROM certificates"},
        Act{"StatusReadsKeys", PostgresCluster::kStatus, "SELECT * FROM keys"},
        Act{"StatusRevokes", PostgresCluster::kStatus,
            "UPDATE revocations SET state = 3"},
        Act{"StatusMakesCrls", PostgresCluster::kStatus,
            "UPDATE crls SET number = 1"},
        Act{"InventoryInsertsADevice", PostgresCluster::kInventory,
            "INSERT INTO devices (device_uid) VALUES (NULL)"},
        Act{"InventoryInsertsAKey", PostgresCluster::kInventory,
            "INSERT INTO keys (spki_sha256) VALUES (NULL)"},
        Act{"CaReadsTheAuditLog", PostgresCluster::kCa,
            "SELECT * FROM audit_entries"},
        Act{"RegistrationUpdatesTheAuditLog", PostgresCluster::kRegistration,
            "UPDATE audit_entries SET actor = 'x'"},
        Act{"InventoryDeletesFromTheAuditLog", PostgresCluster::kInventory,
            "DELETE FROM audit_entries"},
        Act{"CaTruncatesTheAuditLog", PostgresCluster::kCa,
            "TRUNCATE audit_entries"},
        Act{"CaDropsItsTrigger", PostgresCluster::kCa,
            "ALTER TABLE certificates DISABLE TRIGGER ALL"},
        Act{"CaCreatesATable", PostgresCluster::kCa, "CREATE TABLE x ()"},
        Act{"CaRewritesTheSchema", PostgresCluster::kCa,
            "DELETE FROM schema_migrations"},
        Act{"OwnerUpdatesTheAuditLog", PostgresCluster::kOwner,
            ONE_ENTRY "UPDATE audit_entries SET actor = 'x'"},
        Act{"OwnerDeletesFromTheAuditLog", PostgresCluster::kOwner,
            ONE_ENTRY "DELETE FROM audit_entries"},
        Act{"OwnerDeletesFromAPartition", PostgresCluster::kOwner,
            ONE_ENTRY "DELETE FROM audit_entries_2026_11"},
        Act{"OwnerTruncatesTheAuditLog", PostgresCluster::kOwner,
            "TRUNCATE audit_entries"},
        Act{"OwnerTruncatesAPartition", PostgresCluster::kOwner,
            "TRUNCATE audit_entries_2026_11"},
        Act{"OwnerTruncatesTheDefaultPartition", PostgresCluster::kOwner,
            "TRUNCATE audit_entries_default"},
        Act{"OwnerUpdatesCertificates", PostgresCluster::kOwner,
            ONE_CERTIFICATE "UPDATE certificates SET profile = 'x'"},
        Act{"OwnerDeletesCertificates", PostgresCluster::kOwner,
            ONE_CERTIFICATE "DELETE FROM certificates"},
        Act{"OwnerTruncatesCertificates", PostgresCluster::kOwner,
            "TRUNCATE certificates"},
        Act{"OwnerUpdatesTheLogOfRevocations", PostgresCluster::kOwner,
            ONE_CHANGE "UPDATE revocation_changes SET state = 3"},
        Act{"OwnerDeletesFromTheLogOfRevocations", PostgresCluster::kOwner,
            ONE_CHANGE "DELETE FROM revocation_changes"},
        Act{"OwnerTruncatesTheLogOfRevocations", PostgresCluster::kOwner,
            "TRUNCATE revocation_changes"},
        Act{"OwnerTruncatesAPartitionOfCertificates", PostgresCluster::kOwner,
            "TRUNCATE certificates_2026_11"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::storage
