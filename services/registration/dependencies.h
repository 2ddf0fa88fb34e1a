// Dependencies are what the host lends to the services of this role.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_DEPENDENCIES_H_
#define BIRTHMARK_SERVICES_REGISTRATION_DEPENDENCIES_H_

#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/page.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/line_store.h"
#include "lib/storage/registration_store.h"
#include "lib/storage/request_store.h"
#include "lib/storage/revocation_store.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::registration {

// All must outlive the services.
struct Dependencies {
  storage::FleetStore& fleets;
  storage::LineStore& lines;
  storage::BatchStore& batches;
  storage::RegistrationStore& registrations;
  storage::RevocationStore& revocations;
  storage::RequestStore& requests;
  // Leads to the role `ca`, as the service `registration`.
  rpc::Channel& ca;
  const rpc::PageTokenCodec& page_tokens;
  crypto::SerialSource& serials;
  Clock& clock;
  telemetry::Registry& metrics;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_DEPENDENCIES_H_
