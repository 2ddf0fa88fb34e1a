// Personal values are planted wherever the system takes them, and followed:
// after an erasure, and after a decommissioning, no table, no log and no
// journal has one of them left.
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deployment.h"
#include "tests/support/devices.h"

namespace birthmark::tests {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// No other text of the system has this in it.
constexpr char kMark[] = "qzplanted";

class PrivacyTest : public testing::Test {
 protected:
  PrivacyTest() {
    MakeDevices(deployment_, dir_, {"a", "b", "c"});
    for (const char* id : {"a", "b", "c"}) {
      devices_.push_back(absl::StrCat(
          "fleets/acme/devices/",
          deployment_.Sql(absl::StrCat(
              "SELECT device_uid FROM certificates WHERE serial = '\\x",
              SerialOf(absl::StrCat(dir_, "/", id, "/ldevid.pem")), "'"))));
    }
  }

  ProcessResult Run(const std::vector<std::string>& command) {
    return deployment_.Birthmark(command);
  }
  void Must(const std::vector<std::string>& command) {
    const ProcessResult result = Run(command);
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  }

  // Plants a person, and changes some of it later.
  void Plant(const std::string& device, const std::string& person) {
    Must({"device", "update", device, "--personal-label",
          absl::StrCat("owner=", kMark, "-", person), "--personal-label",
          absl::StrCat("address=", kMark, "-street-", person), "--label",
          "site=berlin", "--display-name",
          absl::StrCat(kMark, "-device-of-", person)});
    Must({"device", "update", device, "--personal-label",
          absl::StrCat("address=", kMark, "-moved-", person)});
  }

  // Tables returns those whose rows have `text` in them, as text or as octets,
  // in whichever column: views and partitions included.
  std::vector<std::string> Tables(const std::string& text) {
    const std::string found = deployment_.Sql(absl::StrCat(
        "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND "
        "(xpath('/row/n/text()', query_to_xml(format($q$SELECT count(*) AS n "
        "FROM %I t WHERE t::text ILIKE '%%",
        text, "%%' OR t::text ILIKE '%%", absl::BytesToHexString(text),
        "%%'$q$, relname), false, true, '')))[1]::text <> '0'"));
    return absl::StrSplit(found, ',', absl::SkipEmpty());
  }

  // Files returns those of the deployment, PostgreSQL's log included and its
  // data files not, that have `text` in them: what processes wrote to their
  // logs, and the journals.
  std::string FilesWith(const std::string& text) {
    const std::string logs = absl::StrCat(deployment_.postgres().host(),
                                          "/../log ", deployment_.dir());
    return RunProgram({"sh", "-c",
                       absl::StrCat("grep -rlai -- ", text, " ", logs,
                                    " 2>/dev/null")})
        .out;
  }

  Deployment deployment_;
  const std::string dir_ = deployment_.dir() + "/devices";
  std::vector<std::string> devices_;
};

TEST_F(PrivacyTest, WhatIsErasedIsGone) {
  Plant(devices_[0], "ada");
  Plant(devices_[1], "bob");
  Plant(devices_[2], "cyd");
  // Where it may be, and nowhere else.
  EXPECT_THAT(Tables(absl::StrCat(kMark, "-street-ada")), IsEmpty());
  EXPECT_THAT(Tables(absl::StrCat(kMark, "-ada")), Contains("device_labels"));
  for (const std::string& table : Tables(kMark)) {
    EXPECT_TRUE(table == "devices" || table == "device_labels") << table;
  }

  // What is known of a person, by device and by label.
  EXPECT_THAT(Run({"privacy", "export", devices_[0]}).out,
              HasSubstr(absl::StrCat(kMark, "-moved-ada")));
  const ProcessResult of_bob =
      Run({"privacy", "export", "--fleet", "acme", "--label",
           absl::StrCat("owner=", kMark, "-bob")});
  EXPECT_THAT(of_bob.out, HasSubstr(devices_[1]));
  EXPECT_THAT(of_bob.out, HasSubstr(absl::StrCat(kMark, "-device-of-bob")));
  EXPECT_THAT(of_bob.out, Not(HasSubstr("ada")));
  EXPECT_THAT(of_bob.out, Not(HasSubstr("berlin")));

  // Errors do not repeat what they refuse.
  const ProcessResult refused =
      Run({"device", "update", devices_[0], "--personal-label",
           absl::StrCat("owner=", kMark, std::string(300, 'x'))});
  EXPECT_NE(refused.exit_code, 0);

  Must({"privacy", "erase", devices_[0], "--reason", "asked for", "--yes"});
  EXPECT_THAT(Tables(absl::StrCat(kMark, "-ada")), IsEmpty());
  EXPECT_THAT(Tables(absl::StrCat(kMark, "-moved-ada")), IsEmpty());
  EXPECT_THAT(Tables(absl::StrCat(kMark, "-device-of-ada")), IsEmpty());
  // The rest of it, and of the others, stays.
  EXPECT_THAT(Run({"device", "get", devices_[0]}).out, HasSubstr("berlin"));
  EXPECT_THAT(Tables(absl::StrCat(kMark, "-moved-bob")),
              Contains("device_labels"));

  // A decommissioning erases too.
  deployment_.Sql(
      "UPDATE fleets SET wipe_timeout_seconds = 0 WHERE fleet_id = 'acme'");
  for (const size_t i : {1u, 2u}) {
    Must({"device", "decommission", devices_[i], "--reason", "sold", "--yes"});
  }
  for (int attempt = 0;
       attempt < 300 &&
       deployment_.Sql("SELECT count(*) FROM devices WHERE state = 5") != "2";
       ++attempt) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_THAT(Tables(kMark), IsEmpty());
  EXPECT_EQ(FilesWith(kMark), "");

  // The log still says that something was there, and what it was can no longer
  // be found out: the salts are gone.
  EXPECT_THAT(deployment_.Sql("SELECT count(*) FROM audit_entries WHERE action "
                              "= 'device.update' AND entry ~ '[0-9a-f]{64}'"),
              Not("0"));
  EXPECT_EQ(deployment_.Sql(
                "SELECT (SELECT count(*) FROM device_labels WHERE salt IS NOT "
                "NULL) + (SELECT count(*) FROM devices WHERE "
                "display_name_salt IS NOT NULL)"),
            "0");
}

// What the schema declares personal is what an erasure takes: whoever adds a
// column of this kind has to teach the erasure, and this test, about it.
TEST_F(PrivacyTest, TheSchemaDeclaresWhatIsPersonal) {
  EXPECT_EQ(deployment_.Sql(
                "SELECT string_agg(a.attrelid::regclass || '.' || a.attname, "
                "' ' ORDER BY a.attrelid::regclass::text, a.attname) "
                "FROM pg_description d JOIN pg_attribute a "
                "ON a.attrelid = d.objoid AND a.attnum = d.objsubid "
                "WHERE d.description LIKE 'personal%'"),
            "device_labels.salt device_labels.value devices.display_name "
            "devices.display_name_salt");
}

}  // namespace
}  // namespace birthmark::tests
