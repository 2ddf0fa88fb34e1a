#include "lib/storage/database.h"

#include <atomic>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using tests::PostgresCluster;

constexpr Statement kSelect = {"test_select", "SELECT value FROM t"};
constexpr Statement kAdd = {"test_add", "UPDATE t SET value = value + $1"};

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest()
      : name_(PostgresCluster::Shared().CreateEmptyDatabase()),
        database_(Open({.dsn = Dsn(), .connections = 4})) {
    EXPECT_OK(database_->Transact([](Session& session) {
      session.ExecScript(
          "CREATE TABLE t (value bigint); INSERT INTO t VALUES (0)");
      return absl::OkStatus();
    }));
  }

  std::string Dsn() {
    return PostgresCluster::Shared().Dsn(name_, PostgresCluster::kOwner);
  }
  static std::unique_ptr<Database> Open(Database::Options options) {
    auto database = Database::Open(std::move(options));
    EXPECT_OK(database);
    return *std::move(database);
  }
  absl::Status Add(int64_t value) {
    return database_->Transact([&](Session& session) {
      session.Exec(kAdd, Int(value));
      return absl::OkStatus();
    });
  }
  absl::StatusOr<int64_t> Value() {
    int64_t value = 0;
    const absl::Status status = database_->Read([&](Session& session) {
      value = ReadInt(session.Exec(kSelect)[0][0]);
      return absl::OkStatus();
    });
    return status.ok() ? absl::StatusOr<int64_t>(value) : status;
  }

  const std::string name_;
  const std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, CommitsWhatSucceedsAndUndoesWhatFails) {
  EXPECT_OK(Add(3));
  EXPECT_THAT(database_->Transact([](Session& session) {
    session.Exec(kAdd, Int(100));
    return absl::NotFoundError("no");
  }),
              StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Value(), IsOkAndHolds(3));
}

TEST_F(DatabaseTest, CommitsAStatementOfItsOwn) {
  EXPECT_OK(database_->TransactInOne([](Session& session) {
    session.Exec(kAdd, Int(3));
    return absl::OkStatus();
  }));
  EXPECT_THAT(Value(), IsOkAndHolds(3));
}

TEST_F(DatabaseTest, TellsWhatIsTakenFromWhatFails) {
  constexpr Statement kTwice = {"test_twice", R"(
      WITH changed AS (UPDATE t SET value = value + $1)
      INSERT INTO once VALUES ($1))"};
  EXPECT_OK(database_->Transact([](Session& session) {
    session.ExecScript("CREATE TABLE once (value bigint PRIMARY KEY)");
    return absl::OkStatus();
  }));
  for (const bool expected : {true, false}) {
    bool done = false;
    EXPECT_OK(database_->TransactInOne([&](Session& session) {
      done = session.ExecUnlessTaken(kTwice, {Int(5)}).has_value();
      return absl::OkStatus();
    }));
    EXPECT_EQ(done, expected);
  }
  EXPECT_THAT(Value(), IsOkAndHolds(5));
  EXPECT_THAT(database_->TransactInOne([](Session& session) {
    return session.ExecUnlessTaken({"test_wrong", "SELECT 1 / 0"}, {})
                   .has_value()
               ? absl::OkStatus()
               : absl::NotFoundError("taken");
  }),
              StatusIs(StatusCode::kInternal));
}

TEST_F(DatabaseTest, SaysWhyItCannotOpen) {
  EXPECT_THAT(Database::Open("host=/nowhere dbname=birthmark", 1),
              StatusIs(StatusCode::kUnavailable, reasons::kDatabaseOffline));
  EXPECT_THAT(Database::Open(Dsn(), 0), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(DatabaseTest, KeepsTheDatabasesTextOutOfWhatCallersSee) {
  const absl::Status status = database_->Transact([](Session& session) {
    session.ExecScript("SELECT * FROM no_such_table");
    return absl::OkStatus();
  });
  // lib/rpc hides the text of this code.
  EXPECT_THAT(status, StatusIs(StatusCode::kInternal));
}

TEST_F(DatabaseTest, RefusesATextWithAZeroOctet) {
  static constexpr Statement kText = {"test_text", "SELECT $1::text"};
  EXPECT_THAT(database_->Read([](Session& session) {
    session.Exec(kText, Text(absl::string_view("a\0b", 3)));
    return absl::OkStatus();
  }),
              StatusIs(StatusCode::kInternal));
}

TEST_F(DatabaseTest, KeepsEveryByteAndMicrosecond) {
  static constexpr Statement kEcho = {
      "test_echo",
      "SELECT $1::bytea, $2::timestamptz, $3::jsonb, "
      "u.t, u.b FROM unnest($4::text[], $5::bytea[]) u (t, b)"};
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
  }
  const absl::Time time =
      absl::FromUnixMicros(1795343813123456) + absl::Nanoseconds(789);
  const std::map<std::string, std::string> json = {{"a\"b", "c\\d\n\x01"}};
  const std::string text = "{a,\"b\" \\ NULL}";
  EXPECT_OK(database_->Read([&](Session& session) {
    const auto row =
        session.Exec(kEcho, Bytes(bytes), At(time), Json(json),
                     TextArray(std::vector<std::string>{text}).Take(),
                     BytesArray(std::vector<std::string>{bytes}).Take())[0];
    EXPECT_EQ(ReadBytes(row[0]), bytes);
    EXPECT_EQ(ReadTime(row[1]), absl::FromUnixMicros(1795343813123456));
    EXPECT_EQ(ReadJson(row[2]), json);
    EXPECT_EQ(ReadText(row[3]), text);
    EXPECT_EQ(ReadBytes(row[4]), bytes);
    return absl::OkStatus();
  }));
}

TEST_F(DatabaseTest, TakesArraysOfEveryType) {
  static constexpr Statement kEcho = {
      "test_arrays",
      "SELECT u.* FROM unnest($1::uuid[], $2::smallint[], $3::integer[], "
      "$4::bigint[], $5::timestamptz[], $6::jsonb[], $7::text[]) u"};
  const std::string uid = "0192f1e0-7c00-7abc-8def-0123456789ab";
  const absl::Time time = absl::FromUnixMicros(-1234567);
  const std::map<std::string, std::string> json = {{"a", "\"b\""}};
  EXPECT_OK(database_->Read([&](Session& session) {
    const auto rows = session.Exec(
        kEcho, UuidArray().Add(uid).AddUnlessEmpty("").Take(),
        SmallintArray().Add(-32768).AddNull().Take(),
        IntegerArray().Add(2147483647).AddNull().Take(),
        BigintArray().Add(std::numeric_limits<int64_t>::min()).AddNull().Take(),
        TimeArray().Add(time).AddIfAny(std::nullopt).Take(),
        JsonArray().Add(json).AddNull().Take(),
        TextArray().Add("").AddNull().Take());
    EXPECT_EQ(rows.size(), 2);
    EXPECT_EQ(ReadText(rows[0][0]), uid);
    EXPECT_EQ(ReadInt(rows[0][1]), -32768);
    EXPECT_EQ(ReadInt(rows[0][2]), 2147483647);
    EXPECT_EQ(ReadInt(rows[0][3]), std::numeric_limits<int64_t>::min());
    EXPECT_EQ(ReadTime(rows[0][4]), time);
    EXPECT_EQ(ReadJson(rows[0][5]), json);
    EXPECT_FALSE(rows[0][6].is_null());
    for (const auto& field : rows[1]) {
      EXPECT_TRUE(field.is_null()) << field.name();
    }
    return absl::OkStatus();
  }));
  // No elements are an array without dimensions, not a NULL.
  static constexpr Statement kEmpty = {
      "test_empty_array", "SELECT $1::text[] IS NULL, cardinality($1::text[])"};
  EXPECT_OK(database_->Read([&](Session& session) {
    const auto row = session.Exec(kEmpty, TextArray().Take())[0];
    EXPECT_FALSE(ReadBool(row[0]));
    EXPECT_EQ(ReadInt(row[1]), 0);
    return absl::OkStatus();
  }));
}

TEST_F(DatabaseTest, RefusesWhatDoesNotFitAnArray) {
  EXPECT_THROW(SmallintArray().Add(32768), std::invalid_argument);
  EXPECT_THROW(IntegerArray().Add(int64_t{1} << 31), std::invalid_argument);
  EXPECT_THROW(UuidArray().Add("0192f1e0"), std::invalid_argument);
  EXPECT_THROW(UuidArray().Add("0192f1e0-7c00-7abc-8def-0123456789ag"),
               std::invalid_argument);
  EXPECT_THROW(TextArray().Add(absl::string_view("a\0b", 3)),
               std::invalid_argument);
}

TEST_F(DatabaseTest, RunsAgainWhenAnotherTransactionIsInTheWay) {
  int runs = 0;
  EXPECT_OK(database_->Transact([&](Session& session) {
    session.Exec(kAdd, Int(1));
    return ++runs < 4 ? session.Rerun() : absl::OkStatus();
  }));
  EXPECT_EQ(runs, 4);
  EXPECT_THAT(Value(), IsOkAndHolds(1));
}

TEST_F(DatabaseTest, GivesUpAfterManyConflicts) {
  EXPECT_THAT(
      database_->Transact([](Session& session) { return session.Rerun(); }),
      StatusIs(StatusCode::kAborted, reasons::kTransactionConflict));
}

TEST_F(DatabaseTest, RunsAgainAfterASerialisationFailure) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 5; ++j) {
        EXPECT_OK(database_->Transact([](Session& session) {
          session.ExecScript("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
          session.Exec(kSelect);
          session.Exec(kAdd, Int(1));
          return absl::OkStatus();
        }));
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(Value(), IsOkAndHolds(20));
}

TEST_F(DatabaseTest, AnswersOverloadInsteadOfQueueingForEver) {
  const auto small = Open({.dsn = Dsn(),
                           .connections = 1,
                           .acquire_timeout = absl::Milliseconds(50)});
  EXPECT_OK(small->Read([&](Session&) {
    absl::Status inner;
    std::thread([&] {
      inner = small->Read([](Session&) { return absl::OkStatus(); });
    }).join();
    EXPECT_THAT(inner, StatusIs(StatusCode::kResourceExhausted,
                                reasons::kServerOverloaded));
    return absl::OkStatus();
  }));
  EXPECT_OK(small->Read([](Session&) { return absl::OkStatus(); }));
}

TEST_F(DatabaseTest, WaitsForDurabilityWhateverTheServerIsSetTo) {
  PostgresCluster::Shared().Sql(
      "postgres",
      absl::StrCat("ALTER DATABASE ", name_, " SET synchronous_commit = off"));
  static constexpr Statement kShow = {
      "test_show", "SELECT current_setting('synchronous_commit')"};
  const auto fresh = Open({.dsn = Dsn(), .connections = 1});
  EXPECT_OK(fresh->Read([](Session& session) {
    EXPECT_EQ(ReadText(session.Exec(kShow)[0][0]), "on");
    return absl::OkStatus();
  }));
}

TEST_F(DatabaseTest, DoesNotNoticeARestart) {
  EXPECT_OK(Add(1));
  PostgresCluster::Shared().Restart();
  EXPECT_OK(Add(1));
  EXPECT_THAT(Value(), IsOkAndHolds(2));
}

TEST_F(DatabaseTest, IsUnavailableWhileTheServerIsGoneAndRecovers) {
  EXPECT_OK(Add(1));
  PostgresCluster::Shared().Stop();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Add(1),
                StatusIs(StatusCode::kUnavailable, reasons::kDatabaseOffline));
  }
  PostgresCluster::Shared().Start();
  EXPECT_OK(Add(1));
  EXPECT_THAT(Value(), IsOkAndHolds(2));
}

TEST_F(DatabaseTest, LosesNothingThatWasAnsweredWhenTheServerIsKilled) {
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::atomic<int> in_doubt = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const absl::Status status = Add(1);
        if (status.ok()) {
          ++answered;
        } else if (absl::IsUnknown(status)) {
          ++in_doubt;
        } else {
          EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable,
                                       reasons::kDatabaseOffline));
        }
      }
    });
  }
  const auto wait_for = [&](int more) {
    const int before = answered;
    while (answered < before + more) {
      std::this_thread::yield();
    }
  };
  for (int round = 0; round < 2; ++round) {
    wait_for(50);
    PostgresCluster::Shared().KillHard();
    PostgresCluster::Shared().Start();
  }
  wait_for(50);
  stop = true;
  for (auto& thread : threads) {
    thread.join();
  }
  ASSERT_OK_AND_ASSIGN(const int64_t value, Value());
  EXPECT_GE(value, answered);
  EXPECT_LE(value, answered + in_doubt);
}

}  // namespace
}  // namespace birthmark::storage
