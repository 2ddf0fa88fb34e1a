// KeyAudits is KeyAuditService and the thread that does the audits.

#ifndef BIRTHMARK_SERVICES_INVENTORY_KEY_AUDITS_H_
#define BIRTHMARK_SERVICES_INVENTORY_KEY_AUDITS_H_

#include <memory>
#include <mutex>
#include <string>

#include "lib/base/clock.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/request_store.h"
#include "services/inventory/key_audit_runner.h"
#include "services/inventory/key_audit_service.h"

namespace birthmark::inventory {

// KeyAudits serves from Register until it is destroyed, which the host does
// after its server has shut down. Thread-safe.
class KeyAudits {
 public:
  // All but the connection string must outlive it.
  struct Dependencies {
    storage::KeyAuditStore& audits;
    storage::FindingStore& findings;
    storage::RequestStore& requests;
    const rpc::PageTokenCodec& page_tokens;
    Clock& clock;
    // Of a connection of its own, which holds the lock of the one process that
    // does audits, and loses it with the process.
    std::string dsn;
  };

  explicit KeyAudits(Dependencies dependencies);
  ~KeyAudits();

  void Register(rpc::Router& router);
  // Start has audits done from now on.
  void Start();

 private:
  void Wake();

  const Dependencies with_;
  KeyAuditServiceImpl service_;
  std::unique_ptr<storage::ChangeListener> lock_;
  std::mutex mutex_;
  std::unique_ptr<KeyAuditRunner> runner_;  // under mutex_; uses lock_
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_KEY_AUDITS_H_
