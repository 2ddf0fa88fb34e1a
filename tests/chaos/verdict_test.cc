// A judge who never finds anything is no judge: each way to lose or double
// something is tried on a deployment, and must be found.
#include "tests/chaos/verdict.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::chaos {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    const std::string line = deployment_.CreateLine("acme", "l1");
    tests::CsrFolder csrs(deployment_.dir() + "/csrs");
    csrs.AddMany("d", 12);
    csrs.Finish();
    const std::string out = deployment_.dir() + "/out";
    const auto result =
        deployment_.Birthmark({"provision", "--line", line, "--batch", "b1",
                               "--csr-dir", csrs.path(), "--out", out});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    evidence_.csr_dir = csrs.path();
    for (const std::string& name : tests::Files(out, ".pem")) {
      evidence_.item_ids.push_back(name.substr(0, name.rfind('.')));
      evidence_.contents[name] = {tests::ReadAll(out + "/" + name)};
    }
  }

  // What no role may do: as a replica's session no trigger fires.
  void Tamper(const std::string& statement) {
    deployment_.postgres().Sql(
        "birthmark",
        absl::StrCat("SET session_replication_role = replica; ", statement));
  }

  // All faults, each after the name of its check.
  std::vector<std::string> Faults() {
    std::vector<std::string> faults;
    for (const Check& check : Judge(deployment_, evidence_)) {
      for (const std::string& fault : check.faults) {
        faults.push_back(absl::StrCat(check.name, ": ", fault));
      }
    }
    return faults;
  }

  tests::Deployment deployment_;
  Evidence evidence_;
};

TEST_F(VerdictTest, FindsWhateverIsLostOrDoubled) {
  ASSERT_THAT(Faults(), IsEmpty());
  struct Case {
    std::function<void()> tamper;
    const char* fault;
  };
  const auto sql = [this](const std::string& statement) {
    return [this, statement] { Tamper(statement); };
  };
  const std::string of_item =
      "(SELECT serial FROM batch_items WHERE item_id = 'd-00000";
  // Each harms another item, so that each shows beside the others.
  const Case cases[] = {
      {sql("DELETE FROM certificates WHERE serial = " + of_item + "1')"),
       "d-000001 is recorded with another key"},
      {[] {}, "is not recorded"},
      {sql("UPDATE certificates SET certificate_der = certificate_der || "
           "'\\x00' WHERE serial = " +
           of_item + "2')"),
       "d-000002 is recorded with another certificate"},
      {sql("DELETE FROM batch_items WHERE item_id = 'd-000003'"),
       "d-000003 is recorded 0 times"},
      {sql("DELETE FROM audit_entries WHERE action = 'certificate.issue' AND "
           "resource LIKE '%' || encode(" +
           of_item + "4'), 'hex')"),
       "has 0 audit entries"},
      {sql("DELETE FROM device_events WHERE device_uid = (SELECT device_uid "
           "FROM batch_items WHERE item_id = 'd-000005')"),
       "devices without their event: "},
      {sql("DELETE FROM audit_entries WHERE action = 'device.provision' AND "
           "resource LIKE '%' || (SELECT device_uid FROM batch_items WHERE "
           "item_id = 'd-000006')"),
       "devices without their audit entry: "},
      {sql("UPDATE audit_entries SET entry = entry || ' ' WHERE action = "
           "'device.provision'"),
       "audit entries whose bytes do not have their hash: "},
      {sql("INSERT INTO devices (device_uid, fleet_id, state, model, "
           "serial_number, hardware_revision, line_id, batch_id, create_time, "
           "update_time, decommission_time) SELECT gen_random_uuid(), "
           "fleet_id, 5, model, serial_number, hardware_revision, line_id, "
           "batch_id, create_time, update_time, update_time FROM devices "
           "LIMIT 1"),
       "devices: there should be 12"},
      {sql("UPDATE device_events SET device_uid = gen_random_uuid() WHERE "
           "device_uid = (SELECT device_uid FROM batch_items WHERE item_id = "
           "'d-000012')"),
       "rows that refer to a device, line or batch that is not there: "},
      {sql("UPDATE lines SET issued = issued + 1"),
       "devices counted on the line: there should be 12"},
      {[this] {
         evidence_.contents["d-000007.pem"] =
             evidence_.contents["d-000008.pem"];
       },
       "d-000007 has a certificate for another key than its CSR's"},
      {[this] { evidence_.contents["d-000008.pem"] = {"torn"}; },
       "d-000008.pem was torn"},
      {[this] { evidence_.contents["d-000009.pem"].insert("another"); },
       "d-000009 had a file with more than one content"},
      {[this] { evidence_.contents.erase("d-000010.pem"); },
       "d-000010 has no file"},
  };
  for (const Case& c : cases) {
    c.tamper();
  }
  const std::vector<std::string> faults = Faults();
  for (const Case& c : cases) {
    EXPECT_THAT(faults, Contains(HasSubstr(c.fault)));
  }
  EXPECT_THAT(faults, Not(Contains(HasSubstr("d-000011"))));
}

}  // namespace
}  // namespace birthmark::chaos
