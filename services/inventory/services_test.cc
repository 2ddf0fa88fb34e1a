// Tests the services of this role through their router, on PostgreSQL.

#include "services/inventory/services.h"

#include <string>
#include <vector>

#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "services/inventory/testing.h"

namespace birthmark::inventory {
namespace {

using absl::StatusCode;
using certificate::v1::Certificate;
using device::v1::Device;
using fleet::v1::Fleet;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FleetServiceTest : public testing::Test {
 protected:
  absl::StatusOr<Fleet> Get(const std::string& name) {
    fleet::v1::GetFleetRequest request;
    request.set_name(name);
    return world_.Call<Fleet>("fleet.v1.FleetService.GetFleet", request);
  }
  absl::StatusOr<Fleet> Create(const fleet::v1::CreateFleetRequest& request) {
    return world_.Call<Fleet>("fleet.v1.FleetService.CreateFleet", request);
  }
  absl::StatusOr<Fleet> Update(const fleet::v1::UpdateFleetRequest& request) {
    return world_.Call<Fleet>("fleet.v1.FleetService.UpdateFleet", request);
  }

  World world_;
};

TEST_F(FleetServiceTest, CreatesAFleetOnce) {
  fleet::v1::CreateFleetRequest request;
  request.set_fleet_id("zeta");
  request.mutable_fleet()->set_display_name("Zeta");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const Fleet fleet, Create(request));
  EXPECT_EQ(fleet.name(), "fleets/zeta");
  EXPECT_EQ(fleet.display_name(), "Zeta");
  EXPECT_EQ(fleet.idevid_profile(), "profiles/idevid");
  EXPECT_EQ(fleet.ldevid_profile(), "profiles/ldevid");
  EXPECT_EQ(fleet.etag(), "\"1\"");
  ASSERT_OK_AND_ASSIGN(const Fleet repeat, Create(request));
  EXPECT_EQ(repeat.SerializeAsString(), fleet.SerializeAsString());
  EXPECT_THAT(world_.actions(), ElementsAre("fleet.create"));
  request.clear_request_id();
  EXPECT_THAT(Create(request),
              StatusIs(StatusCode::kAlreadyExists, reasons::kFleetExists));
  request.set_fleet_id("Zeta");
  EXPECT_THAT(Create(request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(FleetServiceTest, UpdatesWhatWasRead) {
  fleet::v1::UpdateFleetRequest request;
  request.mutable_fleet()->set_name("fleets/acme");
  request.mutable_fleet()->set_display_name("Acme");
  request.mutable_fleet()->set_etag("\"1\"");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const Fleet fleet, Update(request));
  EXPECT_EQ(fleet.display_name(), "Acme");
  EXPECT_EQ(fleet.etag(), "\"2\"");
  // The record holds the very answer.
  ASSERT_OK_AND_ASSIGN(const Fleet repeat, Update(request));
  EXPECT_EQ(repeat.SerializeAsString(), fleet.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(const Fleet read, Get("fleets/acme"));
  EXPECT_EQ(read.SerializeAsString(), fleet.SerializeAsString());
  request.clear_request_id();
  EXPECT_THAT(Update(request),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  request.mutable_fleet()->clear_etag();
  ASSERT_OK(Update(request));
  request.mutable_fleet()->set_name("fleets/none");
  EXPECT_THAT(Update(request),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
}

TEST_F(FleetServiceTest, ListsFleetsByPages) {
  for (const char* id : {"b", "a"}) {
    world_.clock().Advance(absl::Seconds(1));
    fleet::v1::CreateFleetRequest request;
    request.set_fleet_id(id);
    ASSERT_OK(Create(request));
  }
  fleet::v1::ListFleetsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    ASSERT_OK_AND_ASSIGN(const auto page,
                         world_.Call<fleet::v1::ListFleetsResponse>(
                             "fleet.v1.FleetService.ListFleets", request));
    for (const Fleet& fleet : page.fleets()) {
      names.push_back(fleet.name());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("fleets/acme", "fleets/other", "fleets/b",
                                 "fleets/a"));
  EXPECT_THAT(Get("fleets/-"), StatusIs(StatusCode::kInvalidArgument,
                                        reasons::kBadResourceName));
}

class DeviceServiceTest : public testing::Test {
 protected:
  absl::StatusOr<Device> Get(const std::string& name) {
    device::v1::GetDeviceRequest request;
    request.set_name(name);
    return world_.Call<Device>("device.v1.DeviceService.GetDevice", request);
  }

  absl::StatusOr<Device> Decommission(
      const device::v1::DecommissionDeviceRequest& request) {
    return world_.Call<Device>("device.v1.DeviceService.DecommissionDevice",
                               request);
  }

  static std::string NameOf(const storage::DeviceRow& device) {
    return "fleets/acme/devices/" + device.device_uid;
  }

  absl::StatusOr<Certificate> GetCertificate(const std::string& name) {
    certificate::v1::GetCertificateRequest request;
    request.set_name(name);
    return world_.Call<Certificate>(
        "certificate.v1.CertificateService.GetCertificate", request);
  }

  World world_;
};

TEST_F(DeviceServiceTest, GetsADeviceInItsFleetOrInAny) {
  const storage::DeviceRow row = world_.AddDevice("1");
  ASSERT_OK_AND_ASSIGN(const Device device, Get(NameOf(row)));
  EXPECT_EQ(device.name(), NameOf(row));
  EXPECT_EQ(device.state(), device::v1::DEVICE_STATE_REGISTERED);
  EXPECT_EQ(device.batch(), "fleets/acme/lines/l1/batches/b1");
  ASSERT_OK_AND_ASSIGN(const Device any,
                       Get("fleets/-/devices/" + row.device_uid));
  EXPECT_EQ(any.name(), NameOf(row));
  EXPECT_THAT(Get("fleets/other/devices/" + row.device_uid),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  EXPECT_THAT(
      Get("fleets/acme/devices/1"),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

TEST_F(DeviceServiceTest, ListsAndGetsKeysAndEvents) {
  const storage::DeviceRow row = world_.AddDevice("1");
  device::v1::ListDeviceKeysRequest keys;
  keys.set_parent(NameOf(row));
  ASSERT_OK_AND_ASSIGN(const auto list,
                       world_.Call<device::v1::ListDeviceKeysResponse>(
                           "device.v1.DeviceService.ListDeviceKeys", keys));
  ASSERT_THAT(list.keys(), SizeIs(1));
  EXPECT_EQ(list.keys(0).usage(), device::v1::KEY_USAGE_IDEVID);
  EXPECT_EQ(list.keys(0).certificate(),
            "issuers/idevid/certificates/" + world_.SerialOf(row));
  device::v1::GetDeviceKeyRequest key;
  key.set_name(list.keys(0).name());
  ASSERT_OK_AND_ASSIGN(const auto one,
                       world_.Call<device::v1::DeviceKey>(
                           "device.v1.DeviceService.GetDeviceKey", key));
  EXPECT_EQ(one.SerializeAsString(), list.keys(0).SerializeAsString());
  key.set_name(NameOf(row) + "/keys/" + std::string(64, '0'));
  EXPECT_THAT(world_.Call<device::v1::DeviceKey>(
                  "device.v1.DeviceService.GetDeviceKey", key),
              StatusIs(StatusCode::kNotFound, reasons::kKeyNotFound));
  device::v1::ListDeviceEventsRequest events;
  events.set_parent(NameOf(row));
  ASSERT_OK_AND_ASSIGN(const auto timeline,
                       world_.Call<device::v1::ListDeviceEventsResponse>(
                           "device.v1.DeviceService.ListDeviceEvents", events));
  ASSERT_THAT(timeline.events(), SizeIs(1));
  EXPECT_EQ(timeline.events(0).kind(), "provisioned");
  EXPECT_EQ(timeline.events(0).from_state(),
            device::v1::DEVICE_STATE_UNSPECIFIED);
}

TEST_F(DeviceServiceTest, DecommissionsForGood) {
  const storage::DeviceRow row = world_.AddDevice("1");
  device::v1::DecommissionDeviceRequest request;
  request.set_name(NameOf(row));
  EXPECT_THAT(Decommission(request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  request.set_reason("end of life");
  EXPECT_THAT(Decommission(request), HasMetadata("field", "etag"));
  request.set_etag("\"9\"");
  EXPECT_THAT(Decommission(request),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  request.set_etag("\"1\"");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const Device device, Decommission(request));
  EXPECT_EQ(device.state(), device::v1::DEVICE_STATE_DECOMMISSIONED);
  EXPECT_TRUE(device.has_decommission_time());
  ASSERT_OK_AND_ASSIGN(const Device repeat, Decommission(request));
  EXPECT_EQ(repeat.SerializeAsString(), device.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(
      const Certificate certificate,
      GetCertificate("issuers/idevid/certificates/" + world_.SerialOf(row)));
  EXPECT_EQ(certificate.state(), certificate::v1::CERTIFICATE_STATE_REVOKED);
  EXPECT_EQ(certificate.revocation_reason(),
            certificate::v1::REVOCATION_REASON_CESSATION_OF_OPERATION);
  request.clear_request_id();
  request.set_etag(device.etag());
  EXPECT_THAT(Decommission(request),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceState));
}

TEST_F(DeviceServiceTest, ACertificateIsGoodUntilItHasExpired) {
  const storage::DeviceRow row = world_.AddDevice("1");
  const std::string name = "issuers/-/certificates/" + world_.SerialOf(row);
  ASSERT_OK_AND_ASSIGN(Certificate certificate, GetCertificate(name));
  EXPECT_EQ(certificate.state(), certificate::v1::CERTIFICATE_STATE_GOOD);
  EXPECT_EQ(certificate.device(), NameOf(row));
  EXPECT_EQ(certificate.profile(), "profiles/idevid");
  EXPECT_EQ(certificate.profile_version(), 3);
  EXPECT_EQ(certificate.subject(), "CN=a device");
  EXPECT_EQ(certificate.etag(), "\"1\"");
  world_.clock().Advance(absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(certificate, GetCertificate(name));
  EXPECT_EQ(certificate.state(), certificate::v1::CERTIFICATE_STATE_GOOD);
  world_.clock().Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(certificate, GetCertificate(name));
  EXPECT_EQ(certificate.state(), certificate::v1::CERTIFICATE_STATE_EXPIRED);
  EXPECT_THAT(
      GetCertificate("issuers/idevid/certificates/12"),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  EXPECT_THAT(
      GetCertificate("issuers/ldevid/certificates/" + world_.SerialOf(row)),
      StatusIs(StatusCode::kNotFound, reasons::kCertificateNotFound));
}

TEST_F(DeviceServiceTest, ListsCertificatesOfADevice) {
  world_.AddDevice("1");
  const storage::DeviceRow row = world_.AddDevice("2");
  certificate::v1::ListCertificatesRequest request;
  request.set_parent("issuers/-");
  const char* method = "certificate.v1.CertificateService.ListCertificates";
  ASSERT_OK_AND_ASSIGN(
      auto page,
      world_.Call<certificate::v1::ListCertificatesResponse>(method, request));
  EXPECT_THAT(page.certificates(), SizeIs(2));
  request.set_device(NameOf(row));
  ASSERT_OK_AND_ASSIGN(
      page,
      world_.Call<certificate::v1::ListCertificatesResponse>(method, request));
  ASSERT_THAT(page.certificates(), SizeIs(1));
  EXPECT_EQ(page.certificates(0).device(), NameOf(row));
  request.set_device("fleets/other/devices/" + row.device_uid);
  EXPECT_THAT(
      world_.Call<certificate::v1::ListCertificatesResponse>(method, request),
      StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
}

}  // namespace
}  // namespace birthmark::inventory
