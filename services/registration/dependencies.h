// Dependencies are what the host lends to the services of this role.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_DEPENDENCIES_H_
#define BIRTHMARK_SERVICES_REGISTRATION_DEPENDENCIES_H_

#include <functional>
#include <memory>

#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/page.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/crl_shard_store.h"
#include "lib/storage/enforcement_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/line_store.h"
#include "lib/storage/registration_store.h"
#include "lib/storage/request_store.h"
#include "lib/storage/revocation_job_store.h"
#include "lib/storage/revocation_journal.h"
#include "lib/storage/revocation_log.h"
#include "lib/storage/revocation_store.h"
#include "lib/storage/wipe_store.h"
#include "lib/telemetry/metrics.h"
#include "services/registration/key_challenge.h"

namespace birthmark::registration {

// All must outlive the services.
struct Dependencies {
  storage::FleetStore& fleets;
  storage::LineStore& lines;
  storage::BatchStore& batches;
  storage::RegistrationStore& registrations;
  storage::RevocationStore& revocations;
  storage::RequestStore& requests;
  storage::RevocationJobStore& revocation_jobs;
  storage::EnforcementStore& enforcement;
  storage::CrlShardStore& crl_shards;
  storage::RevocationLog& revocation_log;
  storage::WipeStore& wipes;
  // nullptr: none is kept.
  storage::RevocationJournal* journal;
  // Starts a listener on the channel kRevocationsChannel.
  std::function<std::unique_ptr<storage::ChangeListener>(
      storage::ChangeListener::Callbacks)>
      listen;
  // Leads to the role `ca`, as the service `registration`.
  rpc::Channel& ca;
  const rpc::PageTokenCodec& page_tokens;
  const KeyChallengeCodec& key_challenges;
  crypto::SerialSource& serials;
  Clock& clock;
  telemetry::Registry& metrics;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_DEPENDENCIES_H_
