#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_STATUS_GATE_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_STATUS_GATE_H_

#include "lib/rpc/router.h"
#include "lib/storage/gate_store.h"

namespace birthmark::birthmarkd {

// MakeStatusGate returns the gate that lets a caller in whose certificate was
// recorded and is neither revoked nor held, and to methods that are open to it
// a device that is to wipe itself. A role of this very process shows
// no certificate and comes in. `store` must outlive the gate.
rpc::StatusGate MakeStatusGate(storage::GateStore& store);

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_STATUS_GATE_H_
