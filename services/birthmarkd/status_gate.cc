#include "services/birthmarkd/status_gate.h"

#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/x509/serial.h"

namespace birthmark::birthmarkd {

rpc::StatusGate MakeStatusGate(storage::GateStore& store) {
  return [&store](const rpc::Caller& caller) -> absl::Status {
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
    return store.Check(caller.issuer_id, *serial);
  };
}

}  // namespace birthmark::birthmarkd
