#include "lib/storage/migrator.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tests::PostgresCluster;

constexpr Migration kFirst = {
    1, "0001_create_a.sql",
    "CREATE TABLE a (x int); GRANT SELECT ON schema_migrations TO PUBLIC;"};
constexpr Migration kSecond = {2, "0002_create_b.sql",
                               "CREATE TABLE b (x int)"};

class MigratorTest : public testing::Test {
 protected:
  std::string Text(const absl::Status& status) {
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }
  std::string Sql(const std::string& statement) {
    return PostgresCluster::Shared().Sql(name_, statement);
  }
  std::string Tables() {
    return Sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND "
        "relnamespace = 'public'::regnamespace ORDER BY 1");
  }
  FakeClock clock_;
  const std::string name_ = PostgresCluster::Shared().CreateEmptyDatabase();
  const std::unique_ptr<Database> database_ = *Database::Open(
      PostgresCluster::Shared().Dsn(name_, PostgresCluster::kOwner), 2);
};

TEST_F(MigratorTest, AppliesTheRealMigrationsOnce) {
  EXPECT_THAT(Text(CheckSchema(*database_)), HasSubstr("birthmarkd migrate"));
  ASSERT_OK_AND_ASSIGN(const auto applied, Migrate(*database_, clock_));
  EXPECT_THAT(applied, SizeIs(EmbeddedMigrations().size()));
  EXPECT_OK(CheckSchema(*database_));
  EXPECT_THAT(Migrate(*database_, clock_), IsOkAndHolds(IsEmpty()));
  EXPECT_OK(CheckSchema(*database_));
}

TEST_F(MigratorTest, TheLogBeginsWithWhatWasRevokedBeforeThereWasOne) {
  const auto all = EmbeddedMigrations();
  ASSERT_OK(Migrate(*database_, clock_, all.subspan(0, 6)));
  Sql(R"(
    INSERT INTO certificates
      (serial, issuer_id, profile, profile_version, spki_sha256, crl_shard,
       not_before, not_after, certificate_der, create_time)
    SELECT decode(lpad(to_hex(i), 32, '0'), 'hex'),
           CASE i % 2 WHEN 0 THEN 'idevid' ELSE 'ldevid' END, 'p', 1,
           sha256(i::text::bytea), i % 3, '2026-10-01Z',
           '2027-10-01Z'::timestamptz + i * interval '1 day', 'der',
           '2026-10-01Z'::timestamptz + i * interval '1 minute'
    FROM generate_series(1, 12) i)");
  // The younger the certificate, the earlier it was revoked; one was held, one
  // was released.
  Sql(R"(
    INSERT INTO revocations
      (serial, issuer_id, crl_shard, not_after, state, reason, actor,
       revoke_time, update_time)
    SELECT serial, issuer_id, crl_shard, not_after,
           CASE i WHEN 3 THEN 1 WHEN 4 THEN 3 ELSE 2 END,
           CASE WHEN i IN (3, 4) THEN 6 ELSE 1 END, 'ada', t, t
    FROM certificates,
         LATERAL (SELECT get_byte(serial, 15) AS i) n,
         LATERAL (SELECT '2026-11-01Z'::timestamptz
                         - i * interval '1 hour' AS t) u
    WHERE i <= 6)");
  ASSERT_OK(Migrate(*database_, clock_, all.subspan(0, 7)));

  EXPECT_EQ(Sql("SELECT string_agg(get_byte(serial, 15)::text, ' ' "
                "ORDER BY revision) FROM revocation_changes"),
            "6 5 4 3 2 1\n");
  EXPECT_EQ(Sql("SELECT count(*) FROM revocation_changes JOIN revocations "
                "USING (serial, issuer_id, crl_shard, not_after, state, "
                "reason, revoke_time, update_time)"),
            "6\n");
  EXPECT_EQ(Sql("SELECT count(*), sum(assigned) FROM crl_shards"), "6|12\n");
  EXPECT_EQ(
      Sql("SELECT count(*) FROM certificates c JOIN crl_shards s "
          "USING (issuer_id, crl_shard) WHERE s.live_until >= c.not_after "
          "AND s.create_time <= c.create_time"),
      "12\n");
  // What is revoked now comes behind.
  Sql("UPDATE revocations SET state = 2, reason = 1, version = version + 1 "
      "WHERE get_byte(serial, 15) = 3");
  EXPECT_EQ(Sql("SELECT revision, get_byte(serial, 15), state "
                "FROM revocation_changes ORDER BY revision DESC LIMIT 1"),
            "7|3|2\n");
}

TEST_F(MigratorTest, EveryServiceMayCheckTheSchema) {
  ASSERT_OK(Migrate(*database_, clock_));
  for (const char* role :
       {PostgresCluster::kCa, PostgresCluster::kRegistration,
        PostgresCluster::kInventory, PostgresCluster::kStatus}) {
    ASSERT_OK_AND_ASSIGN(
        const auto database,
        Database::Open(PostgresCluster::Shared().Dsn(name_, role), 1));
    EXPECT_OK(CheckSchema(*database)) << role;
  }
}

TEST_F(MigratorTest, NumbersFollowEachOther) {
  int version = 0;
  for (const Migration& migration : EmbeddedMigrations()) {
    EXPECT_EQ(migration.version, ++version) << migration.name;
  }
}

TEST_F(MigratorTest, GoesOnWhereItWas) {
  EXPECT_THAT(Migrate(*database_, clock_, {kFirst}),
              IsOkAndHolds(ElementsAre("0001_create_a.sql")));
  EXPECT_THAT(Text(CheckSchema(*database_, {kFirst, kSecond})),
              HasSubstr("0002_create_b.sql is missing"));
  EXPECT_THAT(Migrate(*database_, clock_, {kFirst, kSecond}),
              IsOkAndHolds(ElementsAre("0002_create_b.sql")));
  EXPECT_EQ(Tables(), "a\nb\nschema_migrations\n");
}

TEST_F(MigratorTest, RefusesAMigrationThatChangedAndNamesIt) {
  ASSERT_OK(Migrate(*database_, clock_, {kFirst}));
  Migration tampered = kFirst;
  tampered.sql = "CREATE TABLE a (x bigint)";
  EXPECT_THAT(Text(Migrate(*database_, clock_, {tampered, kSecond}).status()),
              HasSubstr("0001_create_a.sql"));
  EXPECT_THAT(Text(CheckSchema(*database_, {tampered})),
              HasSubstr("0001_create_a.sql"));
  EXPECT_EQ(Tables(), "a\nschema_migrations\n");
}

TEST_F(MigratorTest, RefusesASchemaFromTheFuture) {
  ASSERT_OK(Migrate(*database_, clock_, {kFirst, kSecond}));
  EXPECT_THAT(Text(CheckSchema(*database_, {kFirst})),
              HasSubstr("0002_create_b.sql"));
  EXPECT_THAT(Text(Migrate(*database_, clock_, {kFirst}).status()),
              HasSubstr("newer"));
}

TEST_F(MigratorTest, LeavesNothingOfAMigrationThatFails) {
  const Migration broken = {2, "0002_break.sql",
                            "CREATE TABLE b (x int); CREATE TABLE a (x int)"};
  EXPECT_THAT(Migrate(*database_, clock_, {kFirst, broken}),
              StatusIs(StatusCode::kInternal));
  EXPECT_EQ(Tables(), "a\nschema_migrations\n");
  EXPECT_OK(Migrate(*database_, clock_, {kFirst, kSecond}));
}

TEST_F(MigratorTest, TwoAtATimeApplyEachOnce) {
  std::vector<std::string> applied[2];
  std::vector<std::thread> threads;
  for (auto& list : applied) {
    threads.emplace_back([&] {
      auto result = Migrate(*database_, clock_, {kFirst, kSecond});
      EXPECT_OK(result);
      list = *std::move(result);
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(applied[0].size() + applied[1].size(), 2u);
}

}  // namespace
}  // namespace birthmark::storage
