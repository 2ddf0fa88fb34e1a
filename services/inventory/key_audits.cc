#include "services/inventory/key_audits.h"

#include <utility>

#include "birthmark/device/v1/key_audit_service.pb.h"
#include "lib/telemetry/log.h"

namespace birthmark::inventory {

KeyAudits::KeyAudits(Dependencies dependencies)
    : with_(std::move(dependencies)),
      service_({with_.audits, with_.requests, with_.page_tokens, with_.clock,
                [this] { Wake(); }}) {}

KeyAudits::~KeyAudits() = default;

void KeyAudits::Register(rpc::Router& router) {
  router.AddService(
      *device::v1::KeyAudit::descriptor()->file()->FindServiceByName(
          "KeyAuditService"));
  service_.Register(router);
}

void KeyAudits::Start() {
  lock_ = storage::ChangeListener::Start(
      {.dsn = with_.dsn, .channels = {}, .ownership = storage::kKeyAuditLock},
      {.on_connected = [] { return absl::OkStatus(); },
       .on_notification = [](absl::string_view, absl::string_view) {},
       .on_alive = [] {},
       .on_lost =
           [](const absl::Status& status) {
             telemetry::Log(
                 telemetry::Level::kWarning, "key_audit_lock_lost",
                 {{"error", status.ToString(
                                absl::StatusToStringMode::kWithNoExtraData)}});
           }});
  KeyAuditRunner::Options options;
  options.owner = [this] { return lock_->owner(); };
  const std::lock_guard<std::mutex> lock(mutex_);
  runner_ = std::make_unique<KeyAuditRunner>(with_.audits, with_.findings,
                                             with_.clock, std::move(options));
}

void KeyAudits::Wake() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (runner_ != nullptr) {
    runner_->Wake();
  }
}

}  // namespace birthmark::inventory
