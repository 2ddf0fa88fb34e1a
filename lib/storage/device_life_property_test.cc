// Random lives of several devices against a model in memory: states, labels,
// certificates and keys are what the model says after every step.

#include <array>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/storage/device_life.h"
#include "lib/storage/revocation_act.h"

namespace birthmark::storage {
namespace {

constexpr int kDevices = 6;
constexpr int kSteps = 120;

// What a device should be.
struct Model {
  int state = 2;
  bool quarantined_before = false;
  bool offered = false;
  bool site = false;   // has the labels and the name that kUpdate sets
  bool owner = false;  // the personal one of them, and the name
  // By serial number in hex: 0 good, 1 held, 2 revoked; and by whom held.
  std::map<std::string, int> certificates;
  std::set<std::string> held_by_quarantine;
};

class PropertyTest : public testing::Test {
 protected:
  PropertyTest() : life_(3600) {
    uids_ = life_.Add("p", kDevices, DeviceState::kActive);
    for (const std::string& uid : uids_) {
      for (const std::string& serial : Serials(uid)) {
        models_[uid].certificates[serial] = 0;
      }
      // Each herd's device has a name.
      models_[uid].owner = true;
    }
  }

  std::vector<std::string> Serials(const std::string& uid) {
    std::vector<std::string> serials;
    const auto keys = life_.devices().ListKeys(uid, "", 1000);
    for (const KeyRow& key : *keys) {
      serials.push_back(HexEncode(key.serial));
    }
    return serials;
  }

  std::string BirthSerial(const std::string& uid) {
    const auto keys = life_.devices().ListKeys(uid, "", 1000);
    for (const KeyRow& key : *keys) {
      if (key.usage == KeyUsage::kIdevid) {
        return HexEncode(key.serial);
      }
    }
    return "";
  }

  // Expect says whether the model lets the operation happen, and does it there.
  bool Expect(Operation operation, Model& model);
  // An operator puts a certificate on hold, releases or revokes it.
  void TouchCertificate(const std::string& uid);
  void Compare(const std::string& uid);

  DeviceLife life_;
  std::vector<std::string> uids_;
  std::map<std::string, Model> models_;
  std::mt19937 random_;
};

bool PropertyTest::Expect(Operation operation, Model& model) {
  switch (operation) {
    case Operation::kEnroll:
      if (model.state > 2) {
        return false;
      }
      model.state = 2;
      return true;
    case Operation::kQuarantine:
      if (model.state == 2) {
        model.state = 3;
        model.quarantined_before = true;
        model.held_by_quarantine.clear();
        for (auto& [serial, state] : model.certificates) {
          if (state == 0) {
            state = 1;
            model.held_by_quarantine.insert(serial);
          }
        }
        return true;
      }
      return model.state == 3;
    case Operation::kRelease:
      if (model.state == 3) {
        model.state = 2;
        for (const std::string& serial : model.held_by_quarantine) {
          if (model.certificates[serial] == 1) {
            model.certificates[serial] = 0;
          }
        }
        return true;
      }
      return model.state == 2 && model.quarantined_before;
    case Operation::kDecommission:
      if (model.state > 3) {
        return false;
      }
      for (auto& [serial, state] : model.certificates) {
        state = 2;
      }
      if (model.state == 1) {
        model.owner = false;
        model.state = 5;
      } else {
        model.state = 4;
      }
      return true;
    case Operation::kOffer:
      if (model.state > 2 || model.offered) {
        return false;
      }
      return model.offered = true;
    case Operation::kAccept:
      if (model.state > 2 || !model.offered) {
        return false;
      }
      model.offered = model.site = model.owner = false;
      model.state = 1;
      return true;
    case Operation::kUpdate:
      if (model.state > 3) {
        return false;
      }
      return model.site = model.owner = true;
    case Operation::kErase:
      model.owner = false;
      return true;
    default:
      ADD_FAILURE() << "not in this test";
      return false;
  }
}

void PropertyTest::TouchCertificate(const std::string& uid) {
  Model& model = models_[uid];
  auto certificate = model.certificates.begin();
  std::advance(certificate, random_() % model.certificates.size());
  const auto& [serial, state] = *certificate;
  const int to = static_cast<int>(random_() % 3);
  const std::string issuer = life_.Sql(absl::StrCat(
      "SELECT issuer_id FROM certificates WHERE serial = '\\x", serial, "'"));
  const std::string version =
      life_.Sql(absl::StrCat("SELECT coalesce((SELECT version FROM revocations "
                             "WHERE serial = '\\x",
                             serial, "'), 1)"));
  int64_t number = 0;
  ASSERT_TRUE(absl::SimpleAtoi(version.substr(0, version.find('\n')), &number));
  RevocationRow row;
  row.serial = *HexDecode(serial);
  row.issuer_id = issuer.substr(0, issuer.find('\n'));
  row.reason = to == 1 ? kCertificateHold : 4;
  row.actor = DeviceLife::kBob;
  row.revoke_time = row.update_time = life_.Now();
  const auto records = [this](const RevocationRow&) {
    return life_.Change("certificate.change");
  };
  absl::StatusOr<RevocationRow> done =
      to == 0   ? life_.revocations().Release(row, number, records)
      : to == 1 ? life_.revocations().Hold(row, number, records)
                : life_.revocations().Revoke(row, number, records);
  const int before = state;
  if (!done.ok()) {
    EXPECT_TRUE(before == 2 || (to == 0 && (before == 0 || model.state == 3)))
        << done.status();
    return;
  }
  if (before != to) {
    model.certificates[serial] = to;
    // Whoever touches it takes it away from the quarantine.
    model.held_by_quarantine.erase(serial);
  }
}

void PropertyTest::Compare(const std::string& uid) {
  const Model& model = models_[uid];
  const DeviceRow device = life_.Get(uid);
  EXPECT_EQ(static_cast<int>(device.state), model.state);
  EXPECT_EQ(!device.display_name.empty(), model.owner);
  std::set<std::string> labels, want;
  const auto rows = life_.devices().Labels({uid}).value();
  if (rows.count(uid) != 0) {
    for (const LabelRow& label : rows.at(uid)) {
      labels.insert(label.key);
    }
  }
  if (model.site) {
    want.insert("site");
  }
  if (model.site && model.owner) {
    want.insert("owner");
  }
  EXPECT_EQ(labels, want);
  std::string certificates;
  for (const auto& [serial, state] : model.certificates) {
    absl::StrAppend(&certificates, serial, "|", state, "\n");
  }
  EXPECT_EQ(life_.Sql(absl::StrCat(
                "SELECT encode(c.serial, 'hex'), CASE r.state WHEN 1 THEN 1 "
                "WHEN 2 THEN 2 ELSE 0 END FROM certificates c "
                "LEFT JOIN revocations r USING (serial) WHERE c.device_uid = '",
                uid, "' ORDER BY encode(c.serial, 'hex')")),
            certificates);
}

TEST_F(PropertyTest, LivesAsTheModelDoes) {
  const char* given = std::getenv("DEVICE_LIFE_SEED");
  const unsigned seed = given != nullptr
                            ? static_cast<unsigned>(std::atoi(given))
                            : std::random_device()();
  std::cout << "DEVICE_LIFE_SEED=" << seed << std::endl;
  random_.seed(seed);
  // The commonest twice, so that lives do not end too soon.
  constexpr std::array kOperationsHere = {
      Operation::kEnroll,  Operation::kEnroll,     Operation::kQuarantine,
      Operation::kRelease, Operation::kQuarantine, Operation::kRelease,
      Operation::kUpdate,  Operation::kErase,      Operation::kOffer,
      Operation::kAccept,  Operation::kUpdate};
  for (int step = 0; step < kSteps; ++step) {
    const std::string& uid = uids_[random_() % uids_.size()];
    Model& model = models_[uid];
    const unsigned die = random_() % 16;
    if (die < 3) {
      SCOPED_TRACE(absl::StrCat("step ", step, ": certificate of ", uid));
      TouchCertificate(uid);
      Compare(uid);
    } else {
      const Operation operation =
          die == 3 ? Operation::kDecommission
                   : kOperationsHere[random_() % kOperationsHere.size()];
      SCOPED_TRACE(absl::StrCat("step ", step, ": ", OperationName(operation)));
      const Model before = model;
      const bool expected = Expect(operation, model);
      const absl::Status status = life_.Do(operation, uid, "");
      EXPECT_EQ(status.ok(), expected) << status << " in " << before.state;
      if (operation == Operation::kEnroll && status.ok()) {
        model.certificates[Serials(uid).back()] = 0;
      }
      if (operation == Operation::kAccept && status.ok()) {
        // All but the birth certificate.
        const std::string birth = BirthSerial(uid);
        for (auto& [serial, state] : model.certificates) {
          if (serial != birth) {
            state = 2;
          }
        }
      }
      Compare(uid);
    }
    if (step % 10 == 0) {
      EXPECT_EQ(life_.Broken(), "");
    }
    ASSERT_FALSE(HasFailure());
  }
  ASSERT_OK(life_.decommissions()
                .End(
                    life_.Now() + absl::Hours(2), 100,
                    [this] { return life_.Uid(); },
                    [this](const DecommissionRow&, const DeviceEventRow&) {
                      return life_.Change("device.decommissioned").audit[0];
                    })
                .status());
  EXPECT_EQ(life_.Broken(), "");
}

}  // namespace
}  // namespace birthmark::storage
