// The methods of DeviceService that change a device, through the router.

#include <string>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "services/inventory/testing.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;
using absl::StatusCode;
using testing::SizeIs;

class DeviceChangeTest : public testing::Test {
 protected:
  DeviceChangeTest() {
    row_ = world_.AddDevice("1");
    world_.Activate(row_);
    name_ = "fleets/acme/devices/" + row_.device_uid;
  }

  template <typename Response = pb::Device, typename Request>
  absl::StatusOr<Response> Call(const char* method, const Request& request) {
    world_.clock().Advance(absl::Seconds(1));  // events have an order
    return world_.Call<Response>(
        absl::StrCat("device.v1.DeviceService.", method), request);
  }
  pb::Device Get() {
    pb::GetDeviceRequest request;
    request.set_name(name_);
    return *Call("GetDevice", request);
  }
  pb::UpdateDeviceRequest Update() {
    pb::UpdateDeviceRequest request;
    request.mutable_device()->set_name(name_);
    return request;
  }
  template <typename Request>
  Request Because(const char* reason = "leaks") {
    Request request;
    request.set_name(name_);
    request.set_reason(reason);
    return request;
  }

  World world_;
  storage::DeviceRow row_;
  std::string name_;
};

TEST_F(DeviceChangeTest, SetsReplacesAndRemovesLabels) {
  pb::UpdateDeviceRequest request = Update();
  auto& labels = *request.mutable_device()->mutable_labels();
  labels["site"].set_text("berlin");
  labels["floor"].set_integer(-3);
  labels["spare"].set_flag(false);
  labels["built"].mutable_time()->set_seconds(1700000000);
  labels["owner"].set_text("Ada Lovelace");
  labels["owner"].set_personal(true);
  request.mutable_device()->set_display_name("Ada's gateway");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::Device device, Call("UpdateDevice", request));
  EXPECT_EQ(device.display_name(), "Ada's gateway");
  EXPECT_THAT(device.labels(), SizeIs(5));
  EXPECT_EQ(device.labels().at("floor").integer(), -3);
  EXPECT_EQ(device.labels().at("built").time().seconds(), 1700000000);
  EXPECT_TRUE(device.labels().at("owner").personal());
  // The answer that was kept has nothing personal.
  ASSERT_OK_AND_ASSIGN(const pb::Device repeat, Call("UpdateDevice", request));
  EXPECT_EQ(repeat.etag(), device.etag());
  EXPECT_EQ(repeat.display_name(), "");
  EXPECT_THAT(repeat.labels(), SizeIs(4));
  // Nor have the audit log, the history, and what is kept of requests.
  for (const char* text : {"Lovelace", "Ada''s"}) {
    EXPECT_EQ(
        world_.Sql(absl::StrCat(
            "SELECT entry FROM audit_entries WHERE strpos(entry, '", text,
            "') > 0 UNION ALL SELECT details::text FROM device_events WHERE "
            "strpos(details::text, '",
            text,
            "') > 0 UNION ALL SELECT method FROM requests WHERE "
            "position(convert_to('",
            text, "', 'UTF8') IN response) > 0")),
        "");
  }

  request = Update();
  request.mutable_update_mask()->add_paths("labels.site");
  request.mutable_update_mask()->add_paths("labels.floor");
  (*request.mutable_device()->mutable_labels())["site"].set_text("paris");
  ASSERT_OK_AND_ASSIGN(pb::Device changed, Call("UpdateDevice", request));
  EXPECT_EQ(changed.labels().at("site").text(), "paris");
  EXPECT_EQ(changed.labels().count("floor"), 0u);
  EXPECT_EQ(changed.display_name(), "Ada's gateway");

  request = Update();
  request.mutable_update_mask()->add_paths("*");
  ASSERT_OK_AND_ASSIGN(changed, Call("UpdateDevice", request));
  EXPECT_THAT(changed.labels(), SizeIs(0));
  EXPECT_EQ(changed.display_name(), "");
  // Nothing to change, nothing done.
  const std::string etag = changed.etag();
  ASSERT_OK_AND_ASSIGN(changed, Call("UpdateDevice", request));
  EXPECT_EQ(changed.etag(), etag);
}

TEST_F(DeviceChangeTest, RefusesSpoiledUpdates) {
  const auto bad = [&](auto spoil, absl::string_view field) {
    pb::UpdateDeviceRequest request = Update();
    spoil(request);
    EXPECT_THAT(Call("UpdateDevice", request),
                StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField))
        << field;
    EXPECT_THAT(Call("UpdateDevice", request), HasMetadata("field", field));
  };
  const auto label = [](pb::UpdateDeviceRequest& request,
                        const char* key) -> pb::Label& {
    return (*request.mutable_device()->mutable_labels())[key];
  };
  bad([&](auto& r) { r.mutable_update_mask()->add_paths("state"); },
      "update_mask");
  bad([&](auto& r) { r.mutable_update_mask()->add_paths("labels.Site"); },
      "update_mask");
  bad(
      [&](auto& r) {
        r.mutable_update_mask()->add_paths("*");
        r.mutable_update_mask()->add_paths("labels");
      },
      "update_mask");
  bad([&](auto& r) { label(r, "Site").set_text("x"); }, "device.labels.Site");
  bad([&](auto& r) { label(r, "site"); }, "device.labels.site");
  bad([&](auto& r) { label(r, "site").set_text(""); }, "device.labels.site");
  bad([&](auto& r) { label(r, "site").set_text("a\nb"); },
      "device.labels.site");
  bad([&](auto& r) { label(r, "site").set_text(std::string(257, 'x')); },
      "device.labels.site");
  bad([&](auto& r) { label(r, "at").mutable_time()->set_nanos(-1); },
      "device.labels.at");
  bad([&](auto& r) { r.mutable_device()->set_display_name("a\tb"); },
      "device.display_name");
  bad(
      [&](auto& r) {
        r.mutable_device()->set_display_name(std::string(201, 'x'));
      },
      "device.display_name");
  bad([&](auto& r) { r.mutable_device()->set_etag("2"); }, "device.etag");
  bad(
      [&](auto& r) {
        r.mutable_device()->set_display_name("x");
        r.set_request_id("1");
      },
      "request_id");
  pb::UpdateDeviceRequest request = Update();
  for (int i = 0; i < 65; ++i) {
    label(request, absl::StrCat("l", i).c_str()).set_integer(i);
  }
  EXPECT_THAT(Call("UpdateDevice", request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kTooManyLabels));
  request.mutable_device()->mutable_labels()->erase("l0");
  EXPECT_OK(Call("UpdateDevice", request));
  request = Update();
  label(request, "l0").set_integer(0);
  request.mutable_update_mask()->add_paths("labels.l0");
  EXPECT_THAT(Call("UpdateDevice", request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kTooManyLabels));
  request.mutable_device()->set_etag("\"1\"");
  EXPECT_THAT(Call("UpdateDevice", request),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  request.mutable_device()->set_name("fleets/other/devices/" + row_.device_uid);
  EXPECT_THAT(Call("UpdateDevice", request),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  request.mutable_device()->set_name("fleets/-/devices/" + row_.device_uid);
  EXPECT_THAT(
      Call("UpdateDevice", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

TEST_F(DeviceChangeTest, QuarantinesAndReleases) {
  auto request = Because<pb::QuarantineDeviceRequest>();
  request.set_playbook("https://wiki/leaks");
  request.set_etag(Get().etag());
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::Device device,
                       Call("QuarantineDevice", request));
  EXPECT_EQ(device.state(), pb::DEVICE_STATE_QUARANTINED);
  EXPECT_EQ(device.quarantine().reason(), "leaks");
  EXPECT_EQ(device.quarantine().playbook(), "https://wiki/leaks");
  EXPECT_THAT(device.quarantine().held_certificates(), SizeIs(2));
  ASSERT_OK_AND_ASSIGN(const pb::Device repeat,
                       Call("QuarantineDevice", request));
  EXPECT_EQ(repeat.SerializeAsString(), device.SerializeAsString());
  request.set_reason("other");
  EXPECT_THAT(
      Call("QuarantineDevice", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kRequestIdReused));
  EXPECT_OK(
      Call("QuarantineDevice", Because<pb::QuarantineDeviceRequest>("again")));
  EXPECT_EQ(Get().quarantine().reason(), "leaks");

  auto release = Because<pb::ReleaseDeviceRequest>("all well");
  release.set_etag("\"1\"");
  EXPECT_THAT(Call("ReleaseDevice", release),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  EXPECT_EQ(Get().state(), pb::DEVICE_STATE_QUARANTINED);
  release.clear_etag();
  ASSERT_OK_AND_ASSIGN(const pb::Device released,
                       Call("ReleaseDevice", release));
  EXPECT_EQ(released.state(), pb::DEVICE_STATE_ACTIVE);
  EXPECT_FALSE(released.has_quarantine());
  EXPECT_OK(Call("ReleaseDevice", release));
  EXPECT_EQ(Get().etag(), released.etag());
}

TEST_F(DeviceChangeTest, RefusesSpoiledActs) {
  EXPECT_THAT(
      Call("QuarantineDevice", Because<pb::QuarantineDeviceRequest>("")),
      HasMetadata("field", "reason"));
  EXPECT_THAT(
      Call("QuarantineDevice", Because<pb::QuarantineDeviceRequest>("a\x07")),
      HasMetadata("field", "reason"));
  auto request = Because<pb::QuarantineDeviceRequest>();
  request.set_playbook(std::string(201, 'p'));
  EXPECT_THAT(Call("QuarantineDevice", request),
              HasMetadata("field", "playbook"));
  EXPECT_THAT(Call("ReleaseDevice", Because<pb::ReleaseDeviceRequest>()),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceState));
  auto decommission = Because<pb::DecommissionDeviceRequest>();
  EXPECT_THAT(Call("DecommissionDevice", decommission),
              HasMetadata("field", "etag"));
  decommission.set_etag("\"77\"");
  EXPECT_THAT(Call("DecommissionDevice", decommission),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  pb::GetDecommissionRequest get;
  get.set_name(name_);
  EXPECT_THAT(Call<pb::Decommission>("GetDecommission", get),
              StatusIs(StatusCode::kNotFound, reasons::kDecommissionNotFound));
}

TEST_F(DeviceChangeTest, DecommissionsAndWaitsForTheWipe) {
  auto request = Because<pb::DecommissionDeviceRequest>("old");
  request.set_etag(Get().etag());
  ASSERT_OK_AND_ASSIGN(const pb::Device device,
                       Call("DecommissionDevice", request));
  EXPECT_EQ(device.state(), pb::DEVICE_STATE_DECOMMISSIONING);
  pb::GetDecommissionRequest get;
  get.set_name(name_);
  ASSERT_OK_AND_ASSIGN(const auto decommission,
                       Call<pb::Decommission>("GetDecommission", get));
  EXPECT_EQ(decommission.device(), name_);
  EXPECT_EQ(decommission.reason(), "old");
  EXPECT_EQ(decommission.revoked_certificates(), 2);
  EXPECT_EQ(decommission.retired_keys(), 2);
  EXPECT_EQ(decommission.wipe_outcome(), pb::WIPE_OUTCOME_WAITING);
  EXPECT_EQ(decommission.wipe_deadline_time().seconds() -
                decommission.create_time().seconds(),
            30 * 24 * 3600);
  EXPECT_THAT(
      Call("QuarantineDevice", Because<pb::QuarantineDeviceRequest>()),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceNotActive));
  EXPECT_THAT(Call("UpdateDevice", Update()),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceState));
}

TEST_F(DeviceChangeTest, BlocksAKeyForEver) {
  pb::ListDeviceKeysRequest list;
  list.set_parent(name_);
  ASSERT_OK_AND_ASSIGN(const auto keys, Call<pb::ListDeviceKeysResponse>(
                                            "ListDeviceKeys", list));
  pb::BlockDeviceKeyRequest request;
  request.set_name(keys.keys(1).name());
  EXPECT_THAT(Call<pb::DeviceKey>("BlockDeviceKey", request),
              HasMetadata("field", "reason"));
  request.set_reason("seen elsewhere");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const auto key,
                       Call<pb::DeviceKey>("BlockDeviceKey", request));
  EXPECT_EQ(key.state(), pb::KEY_STATE_BLOCKED);
  ASSERT_OK_AND_ASSIGN(const auto repeat,
                       Call<pb::DeviceKey>("BlockDeviceKey", request));
  EXPECT_EQ(repeat.SerializeAsString(), key.SerializeAsString());
  request.clear_request_id();
  EXPECT_OK(Call<pb::DeviceKey>("BlockDeviceKey", request));
  EXPECT_EQ(world_.Sql("SELECT count(*) FROM revocations WHERE reason = 5"),
            "1\n");
  EXPECT_EQ(Get().state(), pb::DEVICE_STATE_ACTIVE);
  request.set_name(name_ + "/keys/" + std::string(64, 'a'));
  EXPECT_THAT(Call<pb::DeviceKey>("BlockDeviceKey", request),
              StatusIs(StatusCode::kNotFound, reasons::kKeyNotFound));
  request.set_name(name_ + "/keys/1");
  EXPECT_THAT(
      Call<pb::DeviceKey>("BlockDeviceKey", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

TEST_F(DeviceChangeTest, ListsEventsFromEitherEnd) {
  ASSERT_OK(Call("QuarantineDevice", Because<pb::QuarantineDeviceRequest>()));
  pb::ListDeviceEventsRequest request;
  request.set_parent(name_);
  request.set_newest_first(true);
  request.set_page_size(1);
  std::string kinds;
  do {
    ASSERT_OK_AND_ASSIGN(const auto page, Call<pb::ListDeviceEventsResponse>(
                                              "ListDeviceEvents", request));
    for (const pb::DeviceEvent& event : page.events()) {
      absl::StrAppend(&kinds, event.kind(), " ");
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(kinds, "quarantined registered provisioned ");
  request.set_parent("fleets/other/devices/" + row_.device_uid);
  EXPECT_THAT(Call<pb::ListDeviceEventsResponse>("ListDeviceEvents", request),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  pb::ListFirmwareReportsRequest reports;
  reports.set_parent(name_);
  ASSERT_OK_AND_ASSIGN(const auto none, Call<pb::ListFirmwareReportsResponse>(
                                            "ListFirmwareReports", reports));
  EXPECT_THAT(none.reports(), SizeIs(0));
}

}  // namespace
}  // namespace birthmark::inventory
