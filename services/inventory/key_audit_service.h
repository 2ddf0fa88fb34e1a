// KeyAuditServiceImpl has the methods of KeyAuditService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_KEY_AUDIT_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_KEY_AUDIT_SERVICE_H_

#include <functional>

#include "absl/status/statusor.h"
#include "birthmark/device/v1/key_audit_service.pb.h"
#include "lib/base/clock.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/request_store.h"

namespace birthmark::inventory {

// KeyAuditServiceImpl is thread-safe.
class KeyAuditServiceImpl {
 public:
  // All must outlive it.
  struct Dependencies {
    storage::KeyAuditStore& audits;
    storage::RequestStore& requests;
    const rpc::PageTokenCodec& page_tokens;
    Clock& clock;
    // Called when an audit was started.
    std::function<void()> wake;
  };

  explicit KeyAuditServiceImpl(Dependencies dependencies)
      : with_(std::move(dependencies)) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::KeyAudit> StartKeyAudit(
      const rpc::CallContext& context,
      const device::v1::StartKeyAuditRequest& request);
  absl::StatusOr<device::v1::KeyAudit> GetKeyAudit(
      const rpc::CallContext& context,
      const device::v1::GetKeyAuditRequest& request);
  absl::StatusOr<device::v1::ListKeyAuditsResponse> ListKeyAudits(
      const rpc::CallContext& context,
      const device::v1::ListKeyAuditsRequest& request);
  absl::StatusOr<device::v1::KeyAudit> CancelKeyAudit(
      const rpc::CallContext& context,
      const device::v1::CancelKeyAuditRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_KEY_AUDIT_SERVICE_H_
