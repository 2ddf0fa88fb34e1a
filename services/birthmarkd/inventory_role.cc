#include <string>
#include <utility>

#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/rpc/page.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_decommission_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_request_store.h"
#include "lib/storage/pg_transfer_store.h"
#include "services/birthmarkd/role.h"
#include "services/inventory/services.h"

namespace birthmark::birthmarkd {
namespace {

class InventoryRole : public Role {
 public:
  InventoryRole(const Host& host, storage::Database& database,
                const std::string& dsn)
      : fleets_(database),
        devices_(database),
        decommissions_(database),
        transfers_(database),
        certificates_(database),
        requests_(database),
        page_tokens_(dsn),
        services_({fleets_, devices_, decommissions_, transfers_, certificates_,
                   requests_, page_tokens_, host.clock}) {}

  void Register(rpc::Router& router) override { services_.Register(router); }

 private:
  storage::PgFleetStore fleets_;
  storage::PgDeviceStore devices_;
  storage::PgDecommissionStore decommissions_;
  storage::PgTransferStore transfers_;
  storage::PgCertificateStore certificates_;
  storage::PgRequestStore requests_;
  const rpc::PageTokenCodec page_tokens_;
  inventory::Services services_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Role>> NewInventoryRole(
    const Host& host, storage::Database& database) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string dsn,
      config::ReadSecretLine(host.config.inventory().database().dsn_file()));
  return std::make_unique<InventoryRole>(host, database, dsn);
}

}  // namespace birthmark::birthmarkd
