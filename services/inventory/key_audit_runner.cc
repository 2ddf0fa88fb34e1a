#include "services/inventory/key_audit_runner.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/rsa_modulus.h"
#include "lib/telemetry/log.h"
#include "lib/x509/certificate.h"

namespace birthmark::inventory {
namespace {

using storage::FindingRow;
using storage::KeyAuditRow;
using storage::KeyAuditState;

constexpr absl::Duration kNoteInterval = absl::Seconds(1);
constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Minutes(1);
// How many other keys a finding names: a bad batch has thousands.
constexpr size_t kMaxNamed = 10;

std::string Explain(const absl::Status& status) {
  return status.ToString(absl::StatusToStringMode::kWithNoExtraData);
}

}  // namespace

// Work is what one attempt at an audit has come to.
struct KeyAuditRunner::Work {
  KeyAuditRow audit;
  std::vector<Key> keys;
  std::vector<std::string> moduli;  // of the keys
  absl::Duration noted = -absl::InfiniteDuration();
};

KeyAuditRunner::KeyAuditRunner(storage::KeyAuditStore& audits,
                               storage::FindingStore& findings, Clock& clock,
                               Options options)
    : audits_(audits),
      findings_(findings),
      clock_(clock),
      options_(std::move(options)),
      thread_([this] { return Step(); }) {}

KeyAuditRunner::~KeyAuditRunner() { stopped_ = true; }

absl::Duration KeyAuditRunner::Step() {
  if (!options_.owner()) {
    return options_.rest;
  }
  const auto running = audits_.Running();
  if (!running.ok() || !running->has_value()) {
    return options_.rest;
  }
  Work work;
  work.audit.audit_id = (*running)->audit_id;
  const absl::Status status = Do(work);
  if (status.ok() || absl::IsCancelled(status)) {
    retry_ = absl::ZeroDuration();
    return options_.rest;
  }
  telemetry::Log(telemetry::Level::kError, "key_audit_failed",
                 {{"audit", work.audit.audit_id}, {"error", Explain(status)}});
  work.audit.last_error = Explain(status);
  audits_.Note(work.audit).IgnoreError();
  retry_ = std::clamp(2 * retry_, kFirstRetry, kLongestRetry);
  return retry_;
}

// GoOn notes what is being done, now and then unless `at_once`. kCancelled if
// there is no more to do here: the audit was ended, or is another process's.
absl::Status KeyAuditRunner::GoOn(Work& work, absl::string_view progress,
                                  bool at_once) {
  if (stopped_ || !options_.owner()) {
    return absl::CancelledError("not here");
  }
  const absl::Duration now = clock_.MonotonicNow();
  if (!at_once && now - work.noted < kNoteInterval) {
    return absl::OkStatus();
  }
  work.noted = now;
  work.audit.progress = std::string(progress);
  BIRTHMARK_ASSIGN_OR_RETURN(const bool runs, audits_.Note(work.audit));
  return runs ? absl::OkStatus() : absl::CancelledError("ended");
}

absl::Status KeyAuditRunner::Do(Work& work) {
  BIRTHMARK_RETURN_IF_ERROR(ReadKeys(work));
  absl::Status status;
  crypto::BatchGcdOptions options;
  options.chunk = options_.chunk;
  options.progress = [&](absl::string_view phase, double share) {
    status = GoOn(work,
                  absl::StrCat("computing: ", phase, ", ",
                               static_cast<int>(share * 100), " %"),
                  false);
    return status.ok();
  };
  const auto result = crypto::BatchGcd(work.moduli, options);
  BIRTHMARK_RETURN_IF_ERROR(status);
  BIRTHMARK_RETURN_IF_ERROR(result.status());
  BIRTHMARK_RETURN_IF_ERROR(Raise(work, *result));
  work.audit.progress = "done";
  return audits_
      .End(work.audit, KeyAuditState::kDone, NowSeconds(clock_),
           [this](const KeyAuditRow& row) {
             storage::Mutation mutation;
             mutation.audit.push_back(audit::NewEntry(
                 clock_, kActor, "key_audit.finish",
                 absl::StrCat("keyAudits/", row.audit_id),
                 {{"keys", absl::StrCat(row.key_count)},
                  {"shared", absl::StrCat(row.shared_count)},
                  {"findings", absl::StrCat(row.finding_count)}}));
             return mutation;
           })
      .status();
}

absl::Status KeyAuditRunner::ReadKeys(Work& work) {
  std::string after;
  while (true) {
    BIRTHMARK_RETURN_IF_ERROR(
        GoOn(work, absl::StrCat("reading: ", work.keys.size(), " keys"),
             work.keys.empty()));
    BIRTHMARK_ASSIGN_OR_RETURN(std::vector<storage::RsaKeyRow> rows,
                               audits_.ListRsaKeys(after, options_.page));
    if (rows.empty()) {
      return absl::OkStatus();
    }
    after = rows.back().spki_sha256;
    for (storage::RsaKeyRow& row : rows) {
      const auto certificate = x509::Certificate::Parse(row.certificate_der);
      std::string modulus;
      if (certificate.ok()) {
        modulus = crypto::RsaModulus(certificate->public_key());
      }
      if (modulus.empty()) {
        // Nothing that one broken row may keep all others from.
        telemetry::Log(telemetry::Level::kError, "key_audit_row_broken",
                       {{"key", HexEncode(row.spki_sha256)}});
        continue;
      }
      work.keys.push_back({std::move(row.spki_sha256),
                           std::move(row.device_uid), std::move(row.fleet_id)});
      work.moduli.push_back(std::move(modulus));
    }
    work.audit.key_count = static_cast<int64_t>(work.keys.size());
  }
}

// One for each key of a device. Neither the prime nor anything that leads to it
// is written down: it is the private key.
std::vector<FindingRow> KeyAuditRunner::Findings(
    const Work& work, const crypto::BatchGcdResult& result) const {
  // The groups that each key is in.
  std::map<size_t, std::vector<const crypto::SharedFactor*>> groups;
  for (const crypto::SharedFactor& shared : result.shared) {
    for (const size_t member : shared.members) {
      groups[member].push_back(&shared);
    }
  }
  const absl::Time now = NowSeconds(clock_);
  std::vector<FindingRow> findings;
  for (const auto& [index, shared] : groups) {
    const Key& key = work.keys[index];
    if (key.device_uid.empty()) {
      telemetry::Log(telemetry::Level::kError, "key_audit_shared_prime",
                     {{"key", HexEncode(key.spki_sha256)}});
      continue;
    }
    size_t others = 0;
    std::set<std::string> keys;
    std::set<std::string> devices;
    for (const crypto::SharedFactor* group : shared) {
      others += group->members.size() - 1;
      for (const size_t member : group->members) {
        const Key& other = work.keys[member];
        if (keys.size() >= kMaxNamed) {
          break;
        }
        if (member == index) {
          continue;
        }
        keys.insert(HexEncode(other.spki_sha256));
        if (!other.device_uid.empty() && other.device_uid != key.device_uid) {
          devices.insert(absl::StrCat("fleets/", other.fleet_id, "/devices/",
                                      other.device_uid));
        }
      }
    }
    FindingRow row;
    row.finding_id = crypto::NewUid(clock_);
    row.fleet_id = key.fleet_id;
    row.device_uid = key.device_uid;
    row.kind = storage::FindingKind::kSharedPrime;
    row.subject = HexEncode(key.spki_sha256);
    row.details = {{"other_keys", absl::StrCat(others)},
                   {"keys", absl::StrJoin(keys, " ")},
                   {"devices", absl::StrJoin(devices, " ")},
                   {"key_audit", work.audit.audit_id}};
    row.create_time = now;
    row.last_time = now;
    findings.push_back(std::move(row));
  }
  // In the order in which devices are locked.
  std::sort(findings.begin(), findings.end(),
            [](const FindingRow& a, const FindingRow& b) {
              return std::tie(a.device_uid, a.subject) <
                     std::tie(b.device_uid, b.subject);
            });
  return findings;
}

absl::Status KeyAuditRunner::Raise(Work& work,
                                   const crypto::BatchGcdResult& result) {
  work.audit.shared_count =
      std::count_if(result.factors.begin(), result.factors.end(),
                    [](const std::string& factor) { return !factor.empty(); });
  const std::vector<FindingRow> findings = Findings(work, result);
  for (size_t done = 0; done < findings.size();) {
    BIRTHMARK_RETURN_IF_ERROR(GoOn(
        work, absl::StrCat("raising findings: ", done, " of ", findings.size()),
        done == 0));
    const size_t count = std::min(options_.findings, findings.size() - done);
    BIRTHMARK_ASSIGN_OR_RETURN(
        const auto raised,
        findings_.Raise(
            absl::MakeConstSpan(findings).subspan(done, count), kActor,
            [this] { return crypto::NewUid(clock_); },
            [this](const FindingRow& row) {
              return audit::NewEntry(clock_, kActor, "finding.raise",
                                     absl::StrCat("fleets/", row.fleet_id,
                                                  "/findings/", row.finding_id),
                                     {{"device", row.device_uid},
                                      {"kind", "shared_prime"},
                                      {"key", row.subject}});
            }));
    work.audit.finding_count += static_cast<int64_t>(raised.size());
    done += count;
  }
  return absl::OkStatus();
}

}  // namespace birthmark::inventory
