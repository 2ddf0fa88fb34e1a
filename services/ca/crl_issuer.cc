#include "services/ca/crl_issuer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/telemetry/log.h"
#include "lib/x509/crl.h"
#include "services/ca/crl_content.h"

namespace birthmark::ca {

struct CrlIssuer::Task {
  const Issuer& issuer;
  int shard = 0;
  absl::string_view caller;
  absl::Time now;
  // The incremental way has failed.
  bool only_whole = false;

  // Set by Plan, which may run more than once.
  absl::Time expired_before;
  bool new_base = false;
  // Set by Make.
  bool made = false;
  bool whole = false;
  absl::Duration build_time;
  absl::Status incremental;
};

namespace {

using storage::CrlRow;
using storage::CrlStore;
using storage::DeltaRow;

audit::Entry AuditEntryFor(const Issuer& issuer, const CrlRow& row,
                           absl::string_view caller, Clock& clock) {
  audit::Entry entry;
  entry.id = crypto::NewUid(clock);
  entry.time = row.this_update;
  entry.actor = std::string(caller);
  entry.action = "crl.sign";
  entry.resource = absl::StrCat(issuer.name(), "/crls/", row.crl_shard);
  entry.details = {
      {"number", absl::StrCat(row.number)},
      {"revision", absl::StrCat(row.revision)},
      {"entries", absl::StrCat(row.entries)},
      {"crl_sha256", HexEncode(crypto::Sha256(row.crl_der))},
  };
  if (row.delta.has_value()) {
    entry.details["delta_base_number"] = absl::StrCat(row.delta->base_number);
    entry.details["delta_entries"] = absl::StrCat(row.delta->entries);
    entry.details["delta_sha256"] =
        HexEncode(crypto::Sha256(row.delta->crl_der));
  }
  return entry;
}

struct SignedCrl {
  std::string der;
  int entries = 0;
};

// Signs, and reads what was signed as a verifier will.
absl::StatusOr<SignedCrl> Sign(const Issuer& issuer,
                               const absl::StatusOr<std::string>& tbs) {
  BIRTHMARK_RETURN_IF_ERROR(tbs.status());
  SignedCrl out;
  BIRTHMARK_ASSIGN_OR_RETURN(out.der, issuer.SignCrl(*tbs));
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Crl crl, x509::Crl::Parse(out.der));
  out.entries = static_cast<int>(crl->entry_count);
  return out;
}

// The head of the CRL after `newest`. Another process's clock may be ahead, or
// this one's was set back: neither number nor thisUpdate goes back.
CrlHead NextHead(int shard, absl::Time now, absl::Duration lifetime,
                 absl::Time expired_before, Clock& clock,
                 const std::optional<CrlRow>& newest) {
  CrlHead head;
  head.shard = shard;
  head.number = absl::ToUnixMillis(clock.Now());
  head.this_update = now;
  if (newest.has_value()) {
    head.number = std::max(head.number, newest->number + 1);
    head.this_update = std::max(now, newest->this_update);
  }
  head.next_update = head.this_update + lifetime;
  head.expired_before = expired_before;
  return head;
}

}  // namespace

absl::StatusOr<CrlRow> CrlIssuer::Current(const Issuer& issuer, int shard,
                                          absl::string_view caller) {
  if (shard < 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     "shard: must not be negative", {{"field", "shard"}});
  }
  if (shard > 0 && !issuer.publishes_crls()) {
    // Without a distribution point a CRL speaks for all certificates.
    return MakeError(
        absl::StatusCode::kNotFound, reasons::kCrlShardNotFound,
        absl::StrCat(issuer.name(),
                     " has one CRL for all, since "
                     "it is published nowhere"),
        {{"resource", absl::StrCat(issuer.name(), "/crls/", shard)}});
  }
  Task task{.issuer = issuer,
            .shard = shard,
            .caller = caller,
            .now = NowSeconds(clock_)};
  absl::StatusOr<CrlRow> row = Refresh(task);
  if (shard == 0 && absl::IsNotFound(row.status())) {
    BIRTHMARK_RETURN_IF_ERROR(
        shards_.Record(issuer.id(), shard, 0, task.now, task.now));
    row = Refresh(task);
  }
  if (!task.incremental.ok() && !row.ok()) {
    metrics_.crl_fallbacks.With({issuer.id()}).Increment();
    telemetry::Log(telemetry::Level::kWarning, "crl_incremental_failed",
                   {{"issuer", issuer.id()},
                    {"shard", shard},
                    {"error", task.incremental.message()}});
    task.only_whole = true;
    row = Refresh(task);
  }
  if (row.ok()) {
    Count(task, *row);
  }
  return row;
}

absl::StatusOr<CrlRow> CrlIssuer::Refresh(Task& task) {
  return crls_.Refresh(
      task.issuer.id(), task.shard,
      [&](const std::optional<CrlRow>& newest, int64_t latest_revision) {
        task.made = false;
        task.incremental = absl::OkStatus();
        return Plan(task, newest, latest_revision);
      },
      [&](const CrlStore::Changes& changes) { return Make(task, changes); });
}

std::optional<CrlStore::Request> CrlIssuer::Plan(
    Task& task, const std::optional<CrlRow>& newest,
    int64_t latest_revision) const {
  const bool deltas = task.issuer.makes_deltas();
  CrlStore::Request request;
  task.new_base = deltas;
  if (!newest.has_value()) {
    request.whole = true;
    // There may have been CRLs that a restored database has forgotten. None of
    // them is older than this and still counts.
    request.expired_before = task.now - lifetime_;
    task.expired_before = request.expired_before;
    return request;
  }
  const absl::Duration half =
      std::min(lifetime_, newest->next_update - newest->this_update) / 2;
  const bool half_over = task.now >= newest->this_update + half;
  const bool lacks_delta = deltas && !newest->delta.has_value();
  if (latest_revision <= newest->revision && !half_over && !lacks_delta) {
    return std::nullopt;
  }
  request.whole = half_over || task.only_whole;
  request.expired_before =
      std::max(newest->this_update, newest->expired_before);
  task.new_base = deltas && (lacks_delta || task.only_whole ||
                             task.now >= newest->delta->base_time + half);
  if (deltas && !task.new_base) {
    request.base_revision = newest->delta->base_revision;
  }
  task.expired_before = request.expired_before;
  return request;
}

// Notes that the incremental way has failed. A signer that is away is away for
// the whole CRL too.
absl::Status CrlIssuer::Failed(Task& task, const absl::Status& status) {
  if (!task.only_whole && !absl::IsUnavailable(status)) {
    task.incremental = status;
  }
  return status;
}

absl::StatusOr<CrlStore::MadeCrl> CrlIssuer::Make(
    Task& task, const CrlStore::Changes& changes) const {
  const absl::Duration start = clock_.MonotonicNow();
  const CrlHead head = NextHead(task.shard, task.now, lifetime_,
                                task.expired_before, clock_, changes.newest);
  task.whole = changes.whole || !changes.newest.has_value();
  auto complete =
      Sign(task.issuer, task.whole ? WholeCrlTbs(task.issuer, head, changes)
                                   : NextCrlTbs(task.issuer, head, changes));
  if (!complete.ok()) {
    return Failed(task, complete.status());
  }

  CrlStore::MadeCrl made;
  CrlRow& row = made.row;
  row.issuer_id = task.issuer.id();
  row.crl_shard = task.shard;
  row.number = head.number;
  row.revision = changes.revision;
  row.this_update = head.this_update;
  row.next_update = head.next_update;
  row.expired_before = head.expired_before;
  row.entries = complete->entries;
  row.crl_der = std::move(complete->der);
  if (task.issuer.makes_deltas()) {
    DeltaRow delta;
    if (task.new_base) {
      delta.base_number = row.number;
      delta.base_revision = row.revision;
      delta.base_time = row.this_update;
    } else {
      delta = *changes.newest->delta;
    }
    auto delta_crl = Sign(task.issuer, DeltaCrlTbs(task.issuer, head,
                                                   delta.base_number, changes));
    if (!delta_crl.ok()) {
      return Failed(task, delta_crl.status());
    }
    delta.entries = delta_crl->entries;
    delta.crl_der = std::move(delta_crl->der);
    row.delta = std::move(delta);
  }
  made.mutation.audit.push_back(
      AuditEntryFor(task.issuer, row, task.caller, clock_));
  task.build_time = clock_.MonotonicNow() - start;
  task.made = true;
  return made;
}

void CrlIssuer::Count(const Task& task, const CrlRow& row) {
  if (!task.made) {
    return;
  }
  const std::string& issuer = task.issuer.id();
  const std::string how = task.whole ? "whole" : "incremental";
  metrics_.crls_signed.With({issuer, how}).Increment();
  if (row.delta.has_value()) {
    metrics_.crls_signed.With({issuer, "delta"}).Increment();
  }
  metrics_.crl_build_seconds.With({issuer, how})
      .Observe(absl::ToDoubleSeconds(task.build_time));
  metrics_.crl_entries.With({issuer}).Set(row.entries);
}

}  // namespace birthmark::ca
