#include "services/birthmarkd/status_gate.h"

#include <string>

#include "birthmark/options/v1/access.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/caller.h"

namespace birthmark::birthmarkd {
namespace {

constexpr char kSerial[] = "019a00000000aabbccddeeff00112233";

// Knows one certificate.
class OneCertificate : public storage::GateStore {
 public:
  absl::Status Check(absl::string_view issuer_id,
                     absl::string_view serial) override {
    ++checks;
    if (issuer_id == "ldevid" && serial.size() == 16 && serial[0] == '\x01' &&
        serial[15] == '\x33') {
      return absl::OkStatus();
    }
    if (issuer_id == "wiping") {
      return MakeError(absl::StatusCode::kFailedPrecondition,
                       reasons::kWipeRequired, "wipe");
    }
    return MakeError(absl::StatusCode::kUnauthenticated,
                     reasons::kCertificateUnknown, "not recorded");
  }

  int checks = 0;
};

rpc::Caller CreateValidCaller() {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_DEVICE;
  caller.issuer_id = "ldevid";
  caller.serial = kSerial;
  caller.leaf_der = "certificate";
  return caller;
}

class StatusGateTest : public testing::Test {
 protected:
  OneCertificate store_;
  const rpc::StatusGate gate_ = MakeStatusGate(store_);
};

TEST_F(StatusGateTest, LetsARecordedCertificateIn) {
  EXPECT_OK(gate_(CreateValidCaller(), false));
}

TEST_F(StatusGateTest, RefusesWhatTheStoreRefuses) {
  rpc::Caller caller = CreateValidCaller();
  caller.issuer_id = "internal";
  EXPECT_THAT(gate_(caller, true), StatusIs(absl::StatusCode::kUnauthenticated,
                                            reasons::kCertificateUnknown));
}

TEST_F(StatusGateTest, OpensToADeviceThatWipesItselfWhatIsOpenToIt) {
  rpc::Caller caller = CreateValidCaller();
  caller.issuer_id = "wiping";
  for (const auto role :
       {options::v1::ROLE_DEVICE, options::v1::ROLE_DEVICE_BIRTH}) {
    caller.role = role;
    EXPECT_OK(gate_(caller, true));
    EXPECT_THAT(gate_(caller, false),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         reasons::kWipeRequired));
  }
  caller.role = options::v1::ROLE_OPERATOR;
  EXPECT_THAT(
      gate_(caller, true),
      StatusIs(absl::StatusCode::kFailedPrecondition, reasons::kWipeRequired));
}

TEST_F(StatusGateTest, RefusesASerialThatCannotHaveBeenRecorded) {
  for (const std::string& serial :
       {std::string(), std::string("01"), std::string(40, '1')}) {
    rpc::Caller caller = CreateValidCaller();
    caller.serial = serial;
    EXPECT_THAT(gate_(caller, true),
                StatusIs(absl::StatusCode::kUnauthenticated,
                         reasons::kCertificateUnknown));
  }
  EXPECT_EQ(store_.checks, 0);
}

TEST_F(StatusGateTest, LetsARoleOfThisProcessInWithoutACertificate) {
  EXPECT_OK(gate_(
      rpc::ServiceCaller(options::v1::ROLE_REGISTRATION, "birthmark.example"),
      false));
  EXPECT_EQ(store_.checks, 0);
}

}  // namespace
}  // namespace birthmark::birthmarkd
