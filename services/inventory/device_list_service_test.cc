// ListDevices and CountDevices through their router, on PostgreSQL.

#include "services/inventory/device_list_service.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/options/v1/access.pb.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/caller.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_device_search_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;
using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::PostgresCluster;

constexpr char kLoad[] =
    "INSERT INTO fleets (fleet_id, display_name, idevid_profile, "
    "ldevid_profile, create_time, update_time) SELECT f, f, 'p', 'p', "
    "current_timestamp, "
    "current_timestamp FROM unnest('{acme,empty}'::text[]) f; "
    "INSERT INTO devices (device_uid, fleet_id, state, model, serial_number, "
    "hardware_revision, line_id, batch_id, create_time, update_time) "
    "SELECT ('01930000-0000-7000-8000-00000000000' || i)::uuid, 'acme', "
    "CASE WHEN i = 3 THEN 3 ELSE 2 END, 'm' || i % 2, 'S-' || 9 - i, 'r1', "
    "'l1', 'b1', timestamptz '2026-01-01' + i * interval '1 day', "
    "current_timestamp "
    "FROM generate_series(1, 5) i; "
    "INSERT INTO device_labels (device_uid, label_key, label_type, value, "
    "personal, fleet_id, create_time) SELECT device_uid, 'site', 1, 'berlin', "
    "false, fleet_id, create_time FROM devices WHERE model = 'm1'; "
    "INSERT INTO device_firmware (device_uid, component, firmware_version, "
    "digest, security_version, report_time, fleet_id, device_time, "
    "highest_security_version) SELECT device_uid, 'app', '1.0', '\\x00', 1, "
    "current_timestamp, fleet_id, create_time, 4 FROM devices WHERE model = "
    "'m1'; "
    "INSERT INTO quarantines (device_uid, quarantine_id, reason, playbook, "
    "actor, held, create_time) SELECT device_uid, device_uid, 'why', 'book', "
    "'ada', '{}', current_timestamp FROM devices WHERE state = 3;";

class DeviceListServiceTest : public testing::Test {
 protected:
  DeviceListServiceTest() {
    router_.AddService(
        *pb::Device::descriptor()->file()->FindServiceByName("DeviceService"));
    service_.Register(router_);
  }

  static storage::Database& Loaded() {
    static storage::Database& database = *[] {
      PostgresCluster& cluster = PostgresCluster::Shared();
      const std::string name = cluster.CreateDatabase();
      cluster.Sql(name, kLoad);
      auto opened = storage::Database::Open(
          cluster.Dsn(name, PostgresCluster::kInventory), 2);
      EXPECT_OK(opened);
      return opened->release();
    }();
    return database;
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const char* method, const Request& request) {
    auto caller = std::make_shared<rpc::Caller>();
    caller->role = options::v1::ROLE_OPERATOR;
    caller->actor = "spiffe://x/operator/ada";
    Response response;
    const absl::Status status = router_.Call(
        caller, absl::StrCat("birthmark.device.v1.DeviceService.", method),
        absl::InfiniteFuture(), request, response);
    return status.ok() ? absl::StatusOr<Response>(response) : status;
  }
  absl::StatusOr<pb::ListDevicesResponse> List(
      const pb::ListDevicesRequest& request) {
    return Call<pb::ListDevicesResponse>("ListDevices", request);
  }
  absl::StatusOr<pb::CountDevicesResponse> Count(
      const pb::CountDevicesRequest& request) {
    return Call<pb::CountDevicesResponse>("CountDevices", request);
  }
  static pb::ListDevicesRequest ListOf(const std::string& parent,
                                       const std::string& filter = "",
                                       const std::string& order_by = "") {
    pb::ListDevicesRequest request;
    request.set_parent(parent);
    request.set_filter(filter);
    request.set_order_by(order_by);
    return request;
  }
  // Serial numbers, over pages of two.
  std::vector<std::string> Serials(pb::ListDevicesRequest request) {
    std::vector<std::string> serials;
    request.set_page_size(2);
    do {
      const auto page = List(request);
      EXPECT_OK(page);
      if (!page.ok()) {
        break;
      }
      for (const pb::Device& device : page->devices()) {
        serials.push_back(device.serial_number());
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return serials;
  }

  FakeClock clock_;
  storage::PgDeviceSearchStore search_{Loaded()};
  storage::PgFleetStore fleets_{Loaded()};
  const rpc::PageTokenCodec tokens_{"secret"};
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_{registry_};
  rpc::Router router_{{}, clock_, rpc_metrics_};
  DeviceListServiceImpl service_{search_, fleets_, tokens_};
};

TEST_F(DeviceListServiceTest, ListsInEveryOrder) {
  EXPECT_THAT(Serials(ListOf("fleets/acme")),
              ElementsAre("S-8", "S-7", "S-6", "S-5", "S-4"));
  EXPECT_THAT(Serials(ListOf("fleets/-", "", "create_time desc")),
              ElementsAre("S-4", "S-5", "S-6", "S-7", "S-8"));
  EXPECT_THAT(Serials(ListOf("fleets/-", "", "serial_number")),
              ElementsAre("S-4", "S-5", "S-6", "S-7", "S-8"));
  EXPECT_THAT(Serials(ListOf("fleets/-", "model = m0", "last_contact_time")),
              ElementsAre("S-7", "S-5"));
  EXPECT_THAT(Serials(ListOf("fleets/empty")), IsEmpty());
}

TEST_F(DeviceListServiceTest, TellsAllOfADevice) {
  ASSERT_OK_AND_ASSIGN(const auto page,
                       List(ListOf("fleets/acme", "state = QUARANTINED")));
  ASSERT_EQ(page.devices_size(), 1);
  const pb::Device& device = page.devices(0);
  EXPECT_EQ(device.labels().at("site").text(), "berlin");
  ASSERT_EQ(device.firmware_size(), 1);
  EXPECT_EQ(device.firmware(0).version(), "1.0");
  EXPECT_EQ(device.firmware(0).highest_security_version(), 4);
  EXPECT_EQ(device.quarantine().reason(), "why");
  EXPECT_EQ(device.line(), "fleets/acme/lines/l1");
}

TEST_F(DeviceListServiceTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(List(ListOf("fleets/none")),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
  EXPECT_THAT(List(ListOf("fleets/A")), StatusIs(StatusCode::kInvalidArgument,
                                                 reasons::kBadResourceName));
  EXPECT_THAT(List(ListOf("fleets/acme", "color = red")),
              StatusIs(StatusCode::kInvalidArgument, reasons::kFilterInvalid));
  EXPECT_THAT(List(ListOf("fleets/acme", "", "model")),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  pb::ListDevicesRequest request = ListOf("fleets/acme");
  request.set_page_size(-1);
  EXPECT_THAT(List(request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  request.set_page_size(1);
  ASSERT_OK_AND_ASSIGN(const auto page, List(request));
  request.set_page_token(page.next_page_token());
  request.set_order_by("serial_number");
  EXPECT_THAT(List(request), StatusIs(StatusCode::kInvalidArgument,
                                      reasons::kPageTokenMismatch));
}

TEST_F(DeviceListServiceTest, Counts) {
  pb::CountDevicesRequest request;
  request.set_parent("fleets/acme");
  request.add_group_by(pb::COUNT_DIMENSION_FLEET);
  request.add_group_by(pb::COUNT_DIMENSION_STATE);
  request.add_group_by(pb::COUNT_DIMENSION_FIRMWARE_VERSION);
  request.set_component("app");
  ASSERT_OK_AND_ASSIGN(const auto response, Count(request));
  EXPECT_EQ(response.total(), 5);
  ASSERT_EQ(response.counts_size(), 3);
  EXPECT_EQ(response.counts(0).fleet(), "fleets/acme");
  EXPECT_EQ(response.counts(0).state(), pb::DEVICE_STATE_ACTIVE);
  EXPECT_EQ(response.counts(0).firmware_version(), "");
  EXPECT_EQ(response.counts(0).devices(), 2);
  EXPECT_EQ(response.counts(1).firmware_version(), "1.0");
  EXPECT_EQ(response.counts(1).devices(), 2);
  EXPECT_EQ(response.counts(2).state(), pb::DEVICE_STATE_QUARANTINED);
  pb::CountDevicesRequest one;
  one.set_parent("fleets/-");
  one.set_filter("model = m1 AND firmware.app = 1.0");
  EXPECT_EQ(Count(one)->total(), 3);
}

TEST_F(DeviceListServiceTest, RefusesWhatCannotBeCounted) {
  pb::CountDevicesRequest request;
  request.set_parent("fleets/none");
  EXPECT_THAT(Count(request),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
  request.set_parent("fleets/acme");
  for (const char* filter :
       {"batch = b1", "labels.a:*", "firmware.a = 1 AND firmware.b = 1",
        "create_time > 2026-01-01T00:00:00Z"}) {
    request.set_filter(filter);
    EXPECT_THAT(Count(request), StatusIs(StatusCode::kInvalidArgument,
                                         reasons::kFilterInvalid));
  }
  request.set_filter("firmware.boot = 1");
  request.add_group_by(pb::COUNT_DIMENSION_FIRMWARE_VERSION);
  EXPECT_THAT(Count(request), HasMetadata("field", "component"));
  request.set_component("app");
  EXPECT_THAT(Count(request), HasMetadata("field", "component"));
  request.clear_group_by();
  EXPECT_THAT(Count(request), HasMetadata("field", "component"));
  request.clear_component();
  request.add_group_by(pb::COUNT_DIMENSION_UNSPECIFIED);
  EXPECT_THAT(Count(request), HasMetadata("field", "group_by"));
}

}  // namespace
}  // namespace birthmark::inventory
