#include "services/registration/registration_service.h"

#include <memory>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/base/thread_pool.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/ids.h"
#include "lib/storage/fake_device_store.h"
#include "lib/x509/certificate.h"
#include "services/registration/item_issuer.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::SizeIs;

constexpr char kService[] = "birthmark.registration.v1.RegistrationService.";

class RegistrationServiceTest : public testing::Test {
 protected:
  RegistrationServiceTest()
      : profiles_(Profiles::New({MakeProfile(policy::ProfileKind::kIdevid),
                                 MakeProfile(policy::ProfileKind::kLdevid),
                                 MakeProfile(policy::ProfileKind::kLine)})
                      .value()),
        client_(world_.ca),
        devices_(world_.database),
        service_(world_.dependencies(), profiles_, client_),
        calls_(world_.clock, kService,
               *v1::FirmwareReport::descriptor()->file()) {
    service_.Register(calls_.router());
    MakeDevice();
  }

  // Has the line make the device that all tests are about.
  void MakeDevice() {
    const policy::Profile profile = MakeProfile(policy::ProfileKind::kIdevid);
    ThreadPool pool(1, 1);
    const crypto::BatchVerifier verifier;
    Metrics metrics(world_.metrics);
    const ItemIssuer issuer(world_.batches, client_, world_.serials,
                            world_.clock, pool, verifier, metrics, {});
    ItemIssuer::Item item;
    item.set_item_id("1");
    item.set_csr_der(birth_csr_);
    item.set_model("m1");
    item.set_serial_number("1");
    const auto results = issuer.Issue({world_.batch, {"m1"}, &profile, "line"},
                                      {item}, [] { return true; });
    birth_.role = options::v1::ROLE_DEVICE_BIRTH;
    birth_.serial = SerialOf(results.value()[0].certificate_der());
    birth_.actor = "idevid:" + birth_.serial;
    uid_ = results.value()[0].device_uid();
    world_.clock.Advance(absl::Seconds(1));
  }

  static std::string SerialOf(const std::string& der) {
    return x509::Certificate::Parse(der).value()->serial_hex;
  }

  // The device, as it comes with the LDevID `der`.
  rpc::Caller With(const std::string& der) const {
    rpc::Caller caller;
    caller.role = options::v1::ROLE_DEVICE;
    caller.fleet = "acme";
    caller.name = uid_;
    caller.serial = SerialOf(der);
    caller.actor = "spiffe://test/fleet/acme/device/" + uid_;
    return caller;
  }

  absl::StatusOr<v1::RegisterDeviceResponse> Register(const std::string& csr) {
    v1::RegisterDeviceRequest request;
    request.set_csr_der(csr);
    return calls_.Call<v1::RegisterDeviceResponse>("RegisterDevice", request,
                                                   birth_);
  }

  absl::StatusOr<v1::RenewCertificateResponse> Renew(
      const std::string& csr, const rpc::Caller& caller) {
    v1::RenewCertificateRequest request;
    request.set_csr_der(csr);
    return calls_.Call<v1::RenewCertificateResponse>("RenewCertificate",
                                                     request, caller);
  }

  absl::StatusOr<v1::ReportFirmwareResponse> Report(
      const rpc::Caller& caller, const std::string& request_id = "") {
    v1::ReportFirmwareRequest request;
    request.set_request_id(request_id);
    v1::FirmwareReport& report = *request.add_reports();
    report.set_component("application");
    report.set_version("1.0");
    report.set_digest(std::string(32, 'd'));
    return calls_.Call<v1::ReportFirmwareResponse>("ReportFirmware", request,
                                                   caller);
  }

  storage::DeviceRow Device() { return devices_.Get("", uid_).value(); }

  std::vector<std::string> EventKinds() {
    std::vector<std::string> kinds;
    const auto events = devices_.ListEvents("acme", uid_, std::nullopt,
                                            /*newest_first=*/false, 100);
    for (const storage::DeviceEventRow& event : events.value()) {
      kinds.push_back(event.kind);
    }
    return kinds;
  }

  World world_;
  const Profiles profiles_;
  CaClient client_;
  storage::FakeDeviceStore devices_;
  RegistrationServiceImpl service_;
  ServiceCalls calls_;
  const std::string birth_csr_ = MakeCsr();
  rpc::Caller birth_;
  std::string uid_;
};

TEST_F(RegistrationServiceTest, RegistersADevice) {
  ASSERT_OK_AND_ASSIGN(const auto registered, Register(MakeCsr()));
  EXPECT_EQ(registered.device(), "fleets/acme/devices/" + uid_);
  ASSERT_THAT(registered.certificate_chain_der(), SizeIs(2));
  // Two thirds of 90 days.
  EXPECT_EQ(registered.renew_time().seconds(),
            absl::ToUnixSeconds(world_.clock.Now()) + 60 * 24 * 3600);
  EXPECT_EQ(Device().state, storage::DeviceState::kActive);
  EXPECT_EQ(Device().last_contact_time, world_.clock.Now());
  EXPECT_THAT(EventKinds(), ElementsAre("provisioned", "registered"));
  EXPECT_EQ(world_.actions()[2], "device.register");
}

TEST_F(RegistrationServiceTest, ARepeatGetsTheSameCertificate) {
  const std::string csr = MakeCsr();
  ASSERT_OK_AND_ASSIGN(const auto first, Register(csr));
  ASSERT_OK_AND_ASSIGN(const auto second, Register(csr));
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(world_.ca.signatures(), 2);  // with the birth certificate
}

TEST_F(RegistrationServiceTest, AnAbsentCaCostsARetry) {
  const std::string csr = MakeCsr();
  world_.ca.FailNext(absl::UnavailableError("restarting"));
  EXPECT_THAT(Register(csr),
              StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
  ASSERT_OK(Register(csr));
  EXPECT_THAT(EventKinds(), ElementsAre("provisioned", "registered"));
}

TEST_F(RegistrationServiceTest, TheOldCertificateIsGoodUntilTheNewOneIsUsed) {
  ASSERT_OK_AND_ASSIGN(const auto registered, Register(MakeCsr()));
  const std::string& old_der = registered.certificate_chain_der(0);
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(const auto renewed, Renew(MakeCsr(), With(old_der)));
  EXPECT_THAT(world_.revocations.List("", "", 10).value(), SizeIs(0));
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_OK(Report(With(renewed.certificate_chain_der(0))));
  const auto revoked = world_.revocations.List("", "", 10).value();
  ASSERT_THAT(revoked, SizeIs(1));
  EXPECT_EQ(HexEncode(revoked[0].serial), SerialOf(old_der));
  EXPECT_EQ(revoked[0].reason, 4);  // superseded
  EXPECT_THAT(EventKinds(), ElementsAre("provisioned", "registered", "renewed",
                                        "firmware_reported"));
}

TEST_F(RegistrationServiceTest, RefusesKeysThatAreKnown) {
  EXPECT_THAT(Register(birth_csr_), StatusIs(StatusCode::kAlreadyExists,
                                             reasons::kKeyAlreadyEnrolled));
}

TEST_F(RegistrationServiceTest, RefusesSpoiledCsrs) {
  EXPECT_THAT(Register("junk"),
              StatusIs(StatusCode::kInvalidArgument, reasons::kCsrMalformed));
  EXPECT_THAT(
      Register(MakeCsr(crypto::KeyAlgorithm::kEd25519)),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kKeyTypeNotAllowed));
  EXPECT_EQ(Device().state, storage::DeviceState::kRegistered);
}

TEST_F(RegistrationServiceTest, ADecommissionedDeviceIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto registered, Register(MakeCsr()));
  ASSERT_OK(devices_.Act(
      "acme", uid_, Device().version,
      {.kind = storage::DeviceActKind::kDecommission,
       .time = world_.clock.Now()},
      [this] { return crypto::NewUid(world_.clock); },
      [this](const storage::DeviceActResult&) { return world_.Change(); }));
  EXPECT_THAT(Register(MakeCsr()), StatusIs(StatusCode::kFailedPrecondition,
                                            reasons::kWipeRequired));
  const rpc::Caller device = With(registered.certificate_chain_der(0));
  EXPECT_THAT(
      Renew(MakeCsr(), device),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kWipeRequired));
  EXPECT_THAT(Report(device), StatusIs(StatusCode::kFailedPrecondition,
                                       reasons::kWipeRequired));
}

TEST_F(RegistrationServiceTest, AReportIsRecordedOncePerRequestId) {
  ASSERT_OK_AND_ASSIGN(const auto registered, Register(MakeCsr()));
  const rpc::Caller device = With(registered.certificate_chain_der(0));
  world_.clock.Advance(absl::Seconds(1));
  const std::string request_id = crypto::NewRequestId();
  ASSERT_OK_AND_ASSIGN(const auto first, Report(device, request_id));
  world_.clock.Advance(absl::Seconds(5));
  ASSERT_OK_AND_ASSIGN(const auto second, Report(device, request_id));
  EXPECT_EQ(first.record_time().seconds(), second.record_time().seconds());
  EXPECT_THAT(EventKinds(),
              ElementsAre("provisioned", "registered", "firmware_reported"));
  const auto firmware = devices_.Firmware({uid_}).value();
  ASSERT_THAT(firmware.at(uid_), SizeIs(1));
  EXPECT_EQ(firmware.at(uid_)[0].firmware_version, "1.0");
}

TEST_F(RegistrationServiceTest, EachRoleHasItsMethods) {
  ASSERT_OK_AND_ASSIGN(const auto registered, Register(MakeCsr()));
  EXPECT_THAT(Renew(MakeCsr(), birth_), StatusIs(StatusCode::kPermissionDenied,
                                                 reasons::kCallerNotAllowed));
  v1::ConfirmWipeRequest wipe;
  EXPECT_THAT(calls_.Call<v1::ConfirmWipeResponse>("ConfirmWipe", wipe, birth_),
              StatusIs(StatusCode::kUnimplemented, reasons::kMethodNotServed));
}

}  // namespace
}  // namespace birthmark::registration
