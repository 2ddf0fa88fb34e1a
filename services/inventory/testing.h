// testing has what the tests of this role share: a world of fakes, and calls to
// the services in it.

#ifndef BIRTHMARK_SERVICES_INVENTORY_TESTING_H_
#define BIRTHMARK_SERVICES_INVENTORY_TESTING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/fake_clock.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/fake_batch_store.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_device_store.h"
#include "lib/storage/fake_fleet_store.h"
#include "lib/storage/fake_line_store.h"
#include "lib/storage/fake_request_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "services/inventory/services.h"

namespace birthmark::inventory {

// World is an inventory with its surroundings, all fake: fleet `acme` with line
// `l1` and batch `b1`.
class World {
 public:
  World();

  // Call calls `method`, a full name without `birthmark.`, as an operator.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(absl::string_view method,
                                const Request& request) {
    rpc::LocalChannel channel(router_, Operator());
    return channel.Unary<Response>("birthmark." + std::string(method), request);
  }

  static rpc::Caller Operator();

  // AddDevice makes a registered device with its birth certificate and returns
  // it. Every device is a second younger than the one before.
  storage::DeviceRow AddDevice(const std::string& serial_number,
                               const std::string& model = "m1");
  // SerialOf returns the serial number of a device's certificate, in hex.
  std::string SerialOf(const storage::DeviceRow& device);
  // actions returns the actions of all audit entries, in order, without those
  // that the world made itself.
  std::vector<std::string> actions();

  FakeClock& clock() { return clock_; }

 private:
  storage::Mutation Change();

  FakeClock clock_;
  storage::FakeDatabase database_;
  storage::FakeFleetStore fleets_;
  storage::FakeLineStore lines_;
  storage::FakeBatchStore batches_;
  storage::FakeDeviceStore devices_;
  storage::FakeCertificateStore certificates_;
  storage::FakeRequestStore requests_;
  rpc::PageTokenCodec page_tokens_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_;
  rpc::Router router_;
  Services services_;
  storage::BatchRow batch_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_TESTING_H_
