// testing has what the tests of this role share: a world on a private
// PostgreSQL, and calls to the services in it.

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
#include "lib/storage/database.h"
#include "lib/storage/pg_batch_store.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_decommission_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_line_store.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/pg_request_store.h"
#include "lib/storage/pg_transfer_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "services/inventory/services.h"

namespace birthmark::inventory {

// World is an inventory on a database that it shares with the worlds before it
// and empties first: fleet `acme` with line `l1` and batch `b1`, fleet `other`.
// Each store has the rights of the role that has it.
class World {
 public:
  World();

  // Call calls `method`, a full name without `birthmark.`, as an operator: ada,
  // if nobody else is named.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(absl::string_view method,
                                const Request& request,
                                absl::string_view name = "ada") {
    rpc::LocalChannel channel(router_, Operator(name));
    return channel.Unary<Response>("birthmark." + std::string(method), request);
  }

  static rpc::Caller Operator(absl::string_view name = "ada");

  // AddDevice makes a registered device with its birth certificate and returns
  // it. Every device is a second younger than the one before.
  storage::DeviceRow AddDevice(const std::string& serial_number,
                               const std::string& model = "m1");
  // Activate gives the device an operational certificate, which is returned.
  storage::CertificateRow Activate(const storage::DeviceRow& device);
  // SerialOf returns the serial number of a device's certificate, in hex.
  std::string SerialOf(const storage::DeviceRow& device);
  // actions returns the actions of all audit entries, in order, without those
  // that the world made itself.
  std::vector<std::string> actions();
  // Sql returns what a statement returns: a line for each row.
  std::string Sql(const std::string& statement);

  FakeClock& clock() { return clock_; }
  storage::Database& database();  // as birthmark_inventory
  storage::DeviceStore& devices() { return devices_; }
  storage::DecommissionStore& decommissions() { return decommissions_; }
  rpc::Router& router() { return router_; }
  const rpc::PageTokenCodec& page_tokens() const { return page_tokens_; }
  Dependencies dependencies();

 private:
  storage::Mutation Change();

  FakeClock clock_;
  storage::PgFleetStore fleets_;
  storage::PgLineStore lines_;
  storage::PgBatchStore batches_;
  storage::PgRegistrationStore registration_;
  storage::PgDeviceStore devices_;
  storage::PgDecommissionStore decommissions_;
  storage::PgTransferStore transfers_;
  storage::PgCertificateStore issued_;
  storage::PgCertificateStore certificates_;
  storage::PgRequestStore requests_;
  rpc::PageTokenCodec page_tokens_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_;
  rpc::Router router_;
  Services services_;
  storage::BatchRow batch_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_TESTING_H_
