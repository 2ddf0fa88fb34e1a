#include "services/birthmarkd/status_gate.h"

#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/x509/serial.h"

namespace birthmark::birthmarkd {
namespace {

bool IsDevice(const rpc::Caller& caller) {
  return caller.role == options::v1::ROLE_DEVICE ||
         caller.role == options::v1::ROLE_DEVICE_BIRTH;
}

}  // namespace

rpc::StatusGate MakeStatusGate(storage::GateStore& store) {
  return [&store](const rpc::Caller& caller,
                  bool open_to_decommissioning) -> absl::Status {
    if (caller.leaf_der.empty()) {
      return absl::OkStatus();
    }
    const auto serial = x509::SerialFromHex(caller.serial);
    if (!serial.ok()) {
      // Longer than any that was ever recorded.
      return MakeError(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateUnknown,
                       "the certificate was not issued by this system",
                       {{"serial", caller.serial}});
    }
    absl::Status status = store.Check(caller.issuer_id, *serial);
    if (open_to_decommissioning && IsDevice(caller) &&
        Reason(status) == reasons::kWipeRequired) {
      return absl::OkStatus();
    }
    return status;
  };
}

}  // namespace birthmark::birthmarkd
