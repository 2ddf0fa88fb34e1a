#include "services/registration/wipe_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/keys/local_key.h"
#include "lib/rpc/caller.h"
#include "lib/storage/wipe_store.h"
#include "lib/x509/jws.h"
#include "services/registration/ca_client.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;
using crypto::KeyAlgorithm;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kUid[] = "019a0000-0000-7000-8000-000000000001";
constexpr char kInstruction[] = "019a0000-0000-7000-8000-00000000000a";

class WipeServiceTest : public testing::Test {
 protected:
  WipeServiceTest()
      : service_(world_.dependencies()),
        calls_(world_.clock, "birthmark.registration.v1.RegistrationService.",
               *v1::FirmwareReport::descriptor()->file()) {
    service_.Register(calls_.router());
    device_ = Device(KeyAlgorithm::kP256);
  }

  // Known is a device with its key, told to wipe itself.
  struct Known {
    std::unique_ptr<keys::LocalKey> key;
    rpc::Caller caller;
    std::string serial;
  };
  Known Device(KeyAlgorithm algorithm, const std::string& uid = kUid) {
    Known device;
    device.key = keys::LocalKey::Generate(algorithm).value();
    const std::string serial_hex = world_.serials.Next();
    device.serial = *HexDecode(serial_hex);
    ca::v1::CertificateRequest order;
    order.set_serial(device.serial);
    order.set_spki_der(std::string(device.key->public_key().spki_der()));
    order.mutable_device()->set_uid(uid);
    order.mutable_device()->set_fleet("acme");
    CaClient ca(world_.ca);
    device.caller.role = options::v1::ROLE_DEVICE;
    device.caller.fleet = "acme";
    device.caller.name = uid;
    device.caller.serial = serial_hex;
    device.caller.actor = "spiffe://test/fleet/acme/device/" + uid;
    device.caller.leaf_der =
        ca.IssueOne("ldevid", order, "registration").value().front();
    world_.wipes.Tell(device.serial,
                      {.device_uid = uid,
                       .fleet_id = "acme",
                       .instruction = kInstruction,
                       .deadline = world_.clock.Now() + absl::Hours(1)});
    return device;
  }

  static std::string Payload(
      absl::string_view device = kUid,
      absl::string_view instruction = kInstruction,
      absl::string_view type = "birthmark/wipe-receipt") {
    return absl::StrCat(R"({"type":")", type, R"(","device":")", device,
                        R"(","instruction":")", instruction, R"("})");
  }
  static std::string Sign(const keys::LocalKey& key,
                          absl::string_view payload) {
    const KeyAlgorithm algorithm = key.public_key().algorithm();
    const std::string input = x509::JwsSigningInput(algorithm, {}, payload);
    return x509::AssembleJws(algorithm, input, key.Sign(input).value()).value();
  }
  absl::StatusOr<v1::ConfirmWipeResponse> Confirm(const std::string& receipt,
                                                  const rpc::Caller& caller) {
    v1::ConfirmWipeRequest request;
    request.set_receipt(receipt);
    return calls_.Call<v1::ConfirmWipeResponse>("ConfirmWipe", request, caller);
  }
  absl::StatusOr<v1::ConfirmWipeResponse> Confirm(const std::string& receipt) {
    return Confirm(receipt, device_.caller);
  }
  absl::StatusOr<v1::WipeInstruction> Get(const rpc::Caller& caller) {
    return calls_.Call<v1::WipeInstruction>(
        "GetWipeInstruction", v1::GetWipeInstructionRequest(), caller);
  }

  World world_;
  WipeService service_;
  ServiceCalls calls_;
  Known device_;
};

TEST_F(WipeServiceTest, TellsTheDeviceAndTakesItsReceipt) {
  ASSERT_OK_AND_ASSIGN(const auto instruction, Get(device_.caller));
  EXPECT_EQ(instruction.device(), absl::StrCat("fleets/acme/devices/", kUid));
  EXPECT_EQ(instruction.instruction(), kInstruction);
  EXPECT_EQ(instruction.deadline_time().seconds(),
            absl::ToUnixSeconds(world_.clock.Now() + absl::Hours(1)));
  const std::string receipt = Sign(*device_.key, Payload());
  ASSERT_OK_AND_ASSIGN(const auto first, Confirm(receipt));
  ASSERT_THAT(world_.wipes.receipts(), SizeIs(1));
  const storage::WipeReceipt stored =
      world_.wipes.receipts().at(device_.serial);
  EXPECT_EQ(stored.jws, receipt);
  EXPECT_EQ(HexEncode(stored.key), device_.key->public_key().Id());
  // Replayed, and another one: the first counts.
  world_.clock.Advance(absl::Seconds(5));
  ASSERT_OK_AND_ASSIGN(const auto again, Confirm(receipt));
  EXPECT_EQ(again.record_time().seconds(), first.record_time().seconds());
  ASSERT_OK_AND_ASSIGN(const auto other,
                       Confirm(Sign(*device_.key, Payload())));
  EXPECT_EQ(other.record_time().seconds(), first.record_time().seconds());
  EXPECT_EQ(world_.wipes.receipts().at(device_.serial).jws, receipt);
}

TEST_F(WipeServiceTest, AnyKindOfKeySigns) {
  for (const KeyAlgorithm algorithm :
       {KeyAlgorithm::kP384, KeyAlgorithm::kEd25519, KeyAlgorithm::kRsa}) {
    const Known device = Device(algorithm);
    EXPECT_OK(Confirm(Sign(*device.key, Payload()), device.caller));
  }
}

TEST_F(WipeServiceTest, RefusesReceiptsOfOthers) {
  const auto mismatch =
      StatusIs(StatusCode::kInvalidArgument, reasons::kReceiptMismatch);
  EXPECT_THAT(Confirm(Sign(*device_.key,
                           Payload("019a0000-0000-7000-8000-000000000002"))),
              mismatch);
  EXPECT_THAT(Confirm(Sign(*device_.key, Payload(kUid, kUid))), mismatch);
  // Another device's receipt, signed by that device.
  const Known other = Device(KeyAlgorithm::kP256);
  EXPECT_THAT(
      Confirm(Sign(*other.key, Payload())),
      StatusIs(StatusCode::kPermissionDenied, reasons::kSignatureInvalid));
  std::string spoiled = Sign(*device_.key, Payload());
  char& last = spoiled[spoiled.size() - 10];
  last = last == 'A' ? 'B' : 'A';
  EXPECT_THAT(Confirm(spoiled), StatusIs(StatusCode::kPermissionDenied,
                                         reasons::kSignatureInvalid));
  EXPECT_THAT(world_.wipes.receipts(), IsEmpty());
}

TEST_F(WipeServiceTest, RefusesWhatIsNoReceipt) {
  const std::string good = Sign(*device_.key, Payload());
  const std::string rest = good.substr(good.find('.'));
  for (const std::string& receipt :
       {std::string(), std::string("a.b"), std::string("{}"),
        std::string(8192, 'A'), good + ".x", "!" + good,
        Sign(*device_.key, Payload() + std::string(4096, ' ')),
        // {"alg":"none"}
        "eyJhbGciOiJub25lIn0" + rest,
        "eyJhbGciOiJub25lIn0" + rest.substr(0, rest.rfind('.') + 1),
        Sign(*device_.key, "no object"), Sign(*device_.key, "{}"),
        Sign(*device_.key, Payload(kUid, kInstruction, "other")),
        Sign(*device_.key, Payload("")), Sign(*device_.key, Payload(kUid, "")),
        Sign(*device_.key, R"({"type":"birthmark/wipe-receipt","type":"x"})"),
        Sign(*device_.key, R"({"type":["birthmark/wipe-receipt"]})")}) {
    EXPECT_THAT(Confirm(receipt), StatusIs(StatusCode::kInvalidArgument,
                                           reasons::kReceiptMalformed))
        << receipt.substr(0, 40);
  }
  EXPECT_THAT(world_.wipes.receipts(), IsEmpty());
}

TEST_F(WipeServiceTest, OnlyWhoWasToldAndInTime) {
  Known stranger = Device(KeyAlgorithm::kP256);
  stranger.caller.serial = world_.serials.Next();  // nobody told it
  const auto not_required =
      StatusIs(StatusCode::kFailedPrecondition, reasons::kWipeNotRequired);
  EXPECT_THAT(Get(stranger.caller), not_required);
  EXPECT_THAT(Confirm(Sign(*stranger.key, Payload()), stranger.caller),
              not_required);
  world_.clock.Advance(absl::Hours(1) + absl::Seconds(1));
  EXPECT_THAT(Get(device_.caller), not_required);
  EXPECT_THAT(Confirm(Sign(*device_.key, Payload())), not_required);
  EXPECT_THAT(Get(World::Operator()), StatusIs(StatusCode::kPermissionDenied,
                                               reasons::kCallerNotAllowed));
}

}  // namespace
}  // namespace birthmark::registration
