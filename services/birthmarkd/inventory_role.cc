#include <memory>
#include <string>
#include <utility>

#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/page.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_decommission_store.h"
#include "lib/storage/pg_device_feed.h"
#include "lib/storage/pg_device_job_store.h"
#include "lib/storage/pg_device_search_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_finding_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_key_audit_store.h"
#include "lib/storage/pg_request_store.h"
#include "lib/storage/pg_transfer_store.h"
#include "lib/storage/request_pruner.h"
#include "services/birthmarkd/role.h"
#include "services/inventory/device_list_service.h"
#include "services/inventory/device_watch.h"
#include "services/inventory/device_work.h"
#include "services/inventory/finding_service.h"
#include "services/inventory/key_audits.h"
#include "services/inventory/services.h"

namespace birthmark::birthmarkd {
namespace {

class InventoryRole : public Role {
 public:
  InventoryRole(const Host& host, storage::Database& database,
                const std::string& dsn, std::unique_ptr<rpc::Channel> ca)
      : ca_(std::move(ca)),
        fleets_(database),
        devices_(database),
        decommissions_(database),
        transfers_(database),
        certificates_(database),
        requests_(database),
        findings_(database),
        audits_(database),
        search_(database),
        feed_(database),
        device_jobs_(database, search_),
        request_pruner_(database),
        page_tokens_(dsn),
        services_({fleets_, devices_, decommissions_, transfers_, certificates_,
                   requests_, page_tokens_, host.clock}),
        device_lists_(search_, fleets_, page_tokens_),
        device_watch_(feed_, page_tokens_, host.clock),
        finding_service_({findings_, requests_, page_tokens_, host.clock}),
        key_audits_(
            {audits_, findings_, requests_, page_tokens_, host.clock, dsn}),
        work_({fleets_, devices_, decommissions_, transfers_, certificates_,
               requests_, page_tokens_, host.clock},
              {device_jobs_, search_, request_pruner_}, *ca_,
              host.config.inventory().device_approval_threshold(),
              host.metrics) {}

  void Register(rpc::Router& router) override {
    services_.Register(router);
    device_lists_.Register(router);
    device_watch_.Register(router);
    finding_service_.Register(router);
    key_audits_.Register(router);
    work_.Register(router);
  }

  absl::Status Start() override {
    key_audits_.Start();
    work_.Start();
    return absl::OkStatus();
  }

 private:
  // It signs certificates of decommission.
  const std::unique_ptr<rpc::Channel> ca_;
  storage::PgFleetStore fleets_;
  storage::PgDeviceStore devices_;
  storage::PgDecommissionStore decommissions_;
  storage::PgTransferStore transfers_;
  storage::PgCertificateStore certificates_;
  storage::PgRequestStore requests_;
  storage::PgFindingStore findings_;
  storage::PgKeyAuditStore audits_;
  storage::PgDeviceSearchStore search_;
  storage::PgDeviceFeed feed_;
  storage::PgDeviceJobStore device_jobs_;
  storage::PgRequestPruner request_pruner_;
  const rpc::PageTokenCodec page_tokens_;
  inventory::Services services_;
  inventory::DeviceListServiceImpl device_lists_;
  inventory::DeviceWatch device_watch_;
  inventory::FindingServiceImpl finding_service_;
  inventory::KeyAudits key_audits_;
  inventory::DeviceWork work_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Role>> NewInventoryRole(
    const Host& host, storage::Database& database) {
  const config::v1::InventoryConfig& section = host.config.inventory();
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto ca, ChannelToCa(host, section.has_ca() ? &section.ca() : nullptr,
                           options::v1::ROLE_INVENTORY, "inventory.ca"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string dsn,
      config::ReadSecretLine(section.database().dsn_file()));
  return std::make_unique<InventoryRole>(host, database, dsn, std::move(ca));
}

}  // namespace birthmark::birthmarkd
