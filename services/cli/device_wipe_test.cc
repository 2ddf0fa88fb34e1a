// The device's side of its end, against services that a test plays.

#include <string>

#include "absl/strings/str_cat.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/keys/local_key.h"
#include "lib/x509/jws.h"
#include "nlohmann/json.hpp"
#include "services/cli/device_testing.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

using registration::v1::ConfirmWipeRequest;
using registration::v1::ConfirmWipeResponse;
using registration::v1::GetWipeInstructionRequest;
using registration::v1::WipeInstruction;
using testing::ElementsAre;
using testing::HasSubstr;

class DeviceWipeTest : public DeviceCommandsTest {
 protected:
  DeviceWipeTest() {
    services_.On<GetWipeInstructionRequest, WipeInstruction>(
        "GetWipeInstruction", [](const GetWipeInstructionRequest&) {
          WipeInstruction instruction;
          instruction.set_device(kName);
          instruction.set_instruction("0b5e7a34-52c1-4b3e-9d0e-6f2a1c3d4e5f");
          instruction.mutable_deadline_time()->set_seconds(kNow);
          return instruction;
        });
    services_.On<ConfirmWipeRequest, ConfirmWipeResponse>(
        "ConfirmWipe", [this](const ConfirmWipeRequest& request) {
          receipt_ = request.receipt();
          return ConfirmWipeResponse();
        });
    Write("client.textproto",
          "identity { certificate_file: \"ldevid.pem\" private_key_file: "
          "\"ldevid.key\" } roots_file: \"roots.pem\" registration { address: "
          "\"127.0.0.1:1\" server_name: \"registration.test\" }");
  }

  std::string receipt_;
};

TEST_F(DeviceWipeTest, TheReceiptIsSignedWithTheKeyOfTheIdentity) {
  for (const crypto::KeyAlgorithm algorithm :
       {crypto::KeyAlgorithm::kP256, crypto::KeyAlgorithm::kP384,
        crypto::KeyAlgorithm::kEd25519}) {
    ASSERT_OK_AND_ASSIGN(const auto key, keys::LocalKey::Generate(algorithm));
    ASSERT_OK(key->Replace(dir_ + "/ldevid.key"));
    ASSERT_EQ(Run({"device", "confirm-wipe", "--identity", dir_}), kExitOk)
        << err_.str();
    ASSERT_OK_AND_ASSIGN(const x509::Jws jws, x509::Jws::Parse(receipt_));
    EXPECT_OK(jws.Verify(key->public_key()));
    const auto payload = nlohmann::json::parse(jws.payload());
    EXPECT_EQ(payload["type"], "birthmark/wipe-receipt");
    EXPECT_EQ(payload["device"], kUid);
    EXPECT_EQ(payload["instruction"], "0b5e7a34-52c1-4b3e-9d0e-6f2a1c3d4e5f");
  }
}

TEST_F(DeviceWipeTest, AReceiptThatWasSignedElsewhereIsSentAsItIs) {
  const std::string path = Write("receipt.jws", "a.b.c");
  EXPECT_EQ(
      Run({"device", "confirm-wipe", "--identity", dir_, "--receipt", path}),
      kExitOk);
  EXPECT_EQ(receipt_, "a.b.c");
  EXPECT_THAT(services_.calls(), ElementsAre("ConfirmWipe"));
}

TEST_F(DeviceWipeTest, WithoutAKeyNothingIsConfirmed) {
  EXPECT_EQ(Run({"device", "confirm-wipe", "--identity", dir_}), kExitLocal);
  Write("ldevid.key", "junk");
  EXPECT_NE(Run({"device", "confirm-wipe", "--identity", dir_}), kExitOk);
  EXPECT_EQ(Run({"device", "confirm-wipe"}), kExitUsage);
  EXPECT_EQ(Run({"device", "confirm-wipe", "--idevid", "x"}), kExitUsage);
  EXPECT_EQ(receipt_, "");
}

TEST_F(DeviceWipeTest, TheInstructionIsShown) {
  EXPECT_EQ(Run({"device", "wipe-instruction", "--identity", dir_}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("0b5e7a34-52c1-4b3e-9d0e-6f2a1c3d4e5f"));
  services_.On<GetWipeInstructionRequest, WipeInstruction>(
      "GetWipeInstruction", [](const GetWipeInstructionRequest&) {
        return absl::StatusOr<WipeInstruction>(
            MakeError(absl::StatusCode::kFailedPrecondition,
                      birthmark::reasons::kWipeNotRequired, "active"));
      });
  EXPECT_EQ(Run({"device", "wipe-instruction", "--identity", dir_}),
            kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("fix: "));
}

}  // namespace
}  // namespace birthmark::cli
