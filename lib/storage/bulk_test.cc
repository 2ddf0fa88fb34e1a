#include "lib/storage/bulk.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using tests::PostgresCluster;

constexpr BulkColumn kColumns[] = {
    Column<sql::Integer>("id"),    Column<sql::Bytea>("bytes"),
    Column<sql::Text>("text"),     Column<sql::Uuid>("uid"),
    Column<sql::Smallint>("two"),  Column<sql::Bigint>("eight"),
    Column<sql::Jsonb>("details"), Column<sql::Timestamptz>("time"),
};
constexpr BulkTable kTable = {"bulk", kColumns};
constexpr BulkTable kHashed = {"hashed", kColumns, /*hashed=*/true};

constexpr char kUid[] = "0192f1e0-7c00-7abc-8def-0123456789ab";

class BulkTest : public testing::Test {
 protected:
  BulkTest() : name_(PostgresCluster::Shared().CreateEmptyDatabase()) {
    Sql("CREATE TABLE bulk (id integer PRIMARY KEY, bytes bytea, text text, "
        "uid uuid, two smallint, eight bigint, details jsonb, "
        "time timestamptz)");
    Sql("ALTER TABLE bulk OWNER TO birthmark_owner");
    auto database = Database::Open(
        PostgresCluster::Shared().Dsn(name_, PostgresCluster::kOwner), 1);
    EXPECT_OK(database);
    database_ = *std::move(database);
  }

  std::string Sql(const std::string& statement) {
    return PostgresCluster::Shared().Sql(name_, statement);
  }

  // Rows makes `count` rows from `first` on, each third with NULLs.
  static BulkRows Rows(int first, int count, const BulkTable& table = kTable) {
    BulkRows rows(table, count);
    for (int id = first; id < first + count; ++id) {
      rows.Add<sql::Integer>(id);
      if (id % 3 == 0) {
        for (int i = 0; i < 7; ++i) {
          rows.AddNull();
        }
        continue;
      }
      rows.Add<sql::Bytea>(std::string(id, '\0') + "\xff\\")
          .Add<sql::Text>(absl::StrCat("a\tb\n\\N ", id))
          .Add<sql::Uuid>(kUid)
          .Add<sql::Smallint>(-id)
          .Add<sql::Bigint>(int64_t{id} << 40)
          .Add<sql::Jsonb>({{"k", "\"v\""}})
          .Add<sql::Timestamptz>(absl::FromUnixMicros(id));
    }
    return rows;
  }

  int64_t Insert(const BulkRows& rows, IfTaken if_taken, bool rerun = false) {
    int64_t inserted = -1;
    bool tried = false;
    EXPECT_OK(database_->Transact([&](Session& session) -> absl::Status {
      if (std::exchange(tried, true)) {
        return absl::OkStatus();
      }
      inserted = session.InsertBulk(rows, if_taken);
      return rerun ? session.Rerun() : absl::OkStatus();
    }));
    return inserted;
  }

  const std::string name_;
  std::unique_ptr<Database> database_;
};

// Few rows go by INSERT, many by COPY: both must leave the same.
TEST_F(BulkTest, KeepsTheSameByEitherWay) {
  constexpr int kMany = 1000;
  EXPECT_EQ(Insert(Rows(0, kMany), IfTaken::kInsertNone), kMany);
  Sql("CREATE TABLE copied AS SELECT * FROM bulk");
  Sql("TRUNCATE bulk");
  EXPECT_EQ(Insert(Rows(0, kMany), IfTaken::kInsertRest), kMany);
  EXPECT_EQ(Sql("SELECT count(*) FROM (TABLE bulk EXCEPT TABLE copied) d"),
            "0\n");
  EXPECT_EQ(Sql("SELECT count(*) FROM (TABLE copied EXCEPT TABLE bulk) d"),
            "0\n");
  Sql("TRUNCATE bulk");
  for (int id = 0; id < kMany; id += 10) {
    EXPECT_EQ(Insert(Rows(id, 10), IfTaken::kInsertNone), 10);
  }
  EXPECT_EQ(Sql("SELECT count(*) FROM (TABLE bulk EXCEPT TABLE copied) d"),
            "0\n");
  EXPECT_EQ(Sql("SELECT id, two, eight, length(bytes), uid, details->>'k', "
                "extract(epoch FROM time) * 1000000 FROM bulk WHERE id = 7"),
            absl::StrCat("7|-7|", int64_t{7} << 40, "|9|", kUid,
                         "|\"v\"|7.000000\n"));
}

TEST_F(BulkTest, InsertsNoneIfOneIsTaken) {
  EXPECT_EQ(Insert(Rows(5, 1), IfTaken::kInsertNone), 1);
  for (const int count : {10, 100}) {
    EXPECT_EQ(Insert(Rows(0, count), IfTaken::kInsertNone, /*rerun=*/true), 0)
        << count;
    EXPECT_EQ(Sql("SELECT count(*) FROM bulk"), "1\n");
  }
}

TEST_F(BulkTest, InsertsTheRestIfToldTo) {
  EXPECT_EQ(Insert(Rows(5, 1), IfTaken::kInsertNone), 1);
  EXPECT_EQ(Insert(Rows(0, 10), IfTaken::kInsertRest), 9);
  EXPECT_EQ(Insert(Rows(0, 100), IfTaken::kInsertRest), 90);
}

// Whoever inserts the same rows in the same order waits for no one who waits
// for him.
TEST_F(BulkTest, InsertsInOrderWhateverThePartitions) {
  Sql("CREATE TABLE hashed (LIKE bulk INCLUDING ALL) PARTITION BY HASH (id)");
  for (int i = 0; i < 4; ++i) {
    Sql(absl::StrCat("CREATE TABLE hashed_", i, " PARTITION OF hashed FOR ",
                     "VALUES WITH (MODULUS 4, REMAINDER ", i, ")"));
  }
  Sql("CREATE TABLE log (place serial, id integer)");
  Sql("CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS "
      "$$BEGIN INSERT INTO log (id) VALUES (NEW.id); RETURN NULL; END$$");
  Sql("CREATE TRIGGER log AFTER INSERT ON hashed "
      "FOR EACH ROW EXECUTE FUNCTION log()");
  Sql("ALTER TABLE hashed OWNER TO birthmark_owner; "
      "ALTER TABLE log OWNER TO birthmark_owner");
  int next = 0;
  for (const int count : {20, 3000}) {  // INSERT, COPY
    EXPECT_EQ(Insert(Rows(next, count, kHashed), IfTaken::kInsertNone), count);
    next += count;
  }
  EXPECT_EQ(Sql("SELECT count(*), count(DISTINCT tableoid) FROM hashed"),
            "3020|4\n");
  EXPECT_EQ(Sql("SELECT count(*) FROM log WHERE place <> id + 1"), "0\n");
}

TEST_F(BulkTest, InsertsNothingOfNothing) {
  EXPECT_EQ(Insert(BulkRows(kTable, 0), IfTaken::kInsertNone), 0);
}

TEST_F(BulkTest, SaysWhatElseIsWrong) {
  Sql("ALTER TABLE bulk ADD CHECK (id < 50)");
  EXPECT_THAT(database_->Transact([](Session& session) {
    session.InsertBulk(Rows(0, 100), IfTaken::kInsertNone);
    return absl::OkStatus();
  }),
              StatusIs(absl::StatusCode::kInternal));
  // The connection is as good as before.
  EXPECT_EQ(Insert(Rows(0, 40), IfTaken::kInsertNone), 40);
}

TEST_F(BulkTest, FindsADeadConnection) {
  int runs = 0;
  EXPECT_OK(database_->Transact([&](Session& session) {
    if (++runs == 1) {
      Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
          "WHERE usename = 'birthmark_owner'");
    }
    session.InsertBulk(Rows(0, 100), IfTaken::kInsertNone);
    return absl::OkStatus();
  }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Sql("SELECT count(*) FROM bulk"), "100\n");
}

TEST(BulkRowsTest, RefusesAValueOfAnotherType) {
  BulkRows rows(kTable, 1);
  EXPECT_THROW(rows.Add<sql::Bigint>(1), std::logic_error);
}

}  // namespace
}  // namespace birthmark::storage
