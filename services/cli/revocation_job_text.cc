#include "services/cli/revocation_job_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "services/cli/certificate_selector.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using revocation::v1::RevocationJob;

// What the server takes a rate of 0 for.
constexpr int kDefaultRate = 1000;

int Rate(const RevocationJob& job) {
  return job.rate() > 0 ? job.rate() : kDefaultRate;
}

// "4 min", for people who decide whether to wait.
std::string AboutText(int64_t seconds) {
  if (seconds < 120) {
    return absl::StrCat(std::max<int64_t>(seconds, 1), " s");
  }
  if (seconds < 120 * 60) {
    return absl::StrCat(seconds / 60, " min");
  }
  return absl::StrFormat("%.1f h", static_cast<double>(seconds) / 3600);
}

std::string GrowthText(const RevocationJob& job) {
  if (job.expected_count() == 0) {
    return "";
  }
  if (job.expected_crl_shards() == 0) {
    return "none of them is on a CRL";
  }
  if (job.expected_crl_shards() == 1) {
    return absl::StrCat(SizeText(job.expected_crl_bytes()), ", on 1 shard");
  }
  return absl::StrCat(
      SizeText(job.expected_crl_bytes()), " in all, on ",
      CountText(job.expected_crl_shards(), "shard"), ", ",
      SizeText(job.expected_crl_bytes() / job.expected_crl_shards()), " each");
}

std::string DurationText(const RevocationJob& job) {
  if (job.expected_count() == 0) {
    return "";
  }
  return absl::StrCat(AboutText(job.expected_count() / Rate(job)), " at ",
                      Rate(job), "/s");
}

std::string AccountText(const RevocationJob& job) {
  return absl::StrCat(job.revoked_count(), " revoked, ",
                      job.already_revoked_count(), " were revoked already, ",
                      job.expired_count(), " had expired");
}

}  // namespace

std::string JobStateText(const RevocationJob& job) {
  return absl::StrReplaceAll(
      EnumText(revocation::v1::RevocationJobState_Name(job.state()),
               "REVOCATION_JOB_STATE_"),
      {{"_", " "}});
}

bool JobIsOver(const RevocationJob& job) {
  return job.state() == revocation::v1::REVOCATION_JOB_STATE_DONE ||
         job.state() == revocation::v1::REVOCATION_JOB_STATE_CANCELLED;
}

std::string NextStep(const RevocationJob& job) {
  const std::string id = LastSegment(job.name());
  switch (job.state()) {
    case revocation::v1::REVOCATION_JOB_STATE_PENDING_APPROVAL:
      return absl::StrCat(
          "nothing is revoked yet: it waits for a second operator (not ",
          LastSegment(job.create_actor()),
          "), who runs: birthmark revocation-job approve ", id);
    case revocation::v1::REVOCATION_JOB_STATE_RUNNING:
      return absl::StrCat(
          "it works; to watch it: birthmark revocation-job get ", id,
          " --watch");
    case revocation::v1::REVOCATION_JOB_STATE_PAUSED:
      return absl::StrCat(
          "it does nothing until somebody runs: birthmark revocation-job "
          "resume ",
          id);
    case revocation::v1::REVOCATION_JOB_STATE_CANCELLED:
      return "what is revoked stays so; for the rest create another job";
    default:
      return "";
  }
}

void PrintPreview(std::ostream& out, const RevocationJob& job) {
  PrintFields(
      out, {{"Selected", SelectorText(job.selector())},
            {"Reason", ReasonText(job.reason())},
            {"Suspected since",
             job.has_invalidity_time() ? TimeText(job.invalidity_time()) : ""},
            {"To be revoked", CountText(job.expected_count(), "certificate")},
            {"CRLs grow by", GrowthText(job)},
            {"Takes about", DurationText(job)}});
}

void PrintJob(std::ostream& out, const RevocationJob& job) {
  PrintFields(
      out, {{"Revocation job", job.name()},
            {"State", JobStateText(job)},
            {"Selected", SelectorText(job.selector())},
            {"Reason", ReasonText(job.reason())},
            {"Suspected since",
             job.has_invalidity_time() ? TimeText(job.invalidity_time()) : ""},
            {"Expected", CountText(job.expected_count(), "certificate")},
            {JobIsOver(job) ? "Account" : "So far", AccountText(job)},
            {"Held up by", job.last_error()},
            {"Rate", absl::StrCat("at most ", Rate(job), "/s")},
            {"CRLs grow by", GrowthText(job)},
            {"Created", absl::StrCat(TimeText(job.create_time()), " by ",
                                     job.create_actor())},
            {"Approved by", job.approve_actor()},
            {"Ended", job.has_end_time() ? TimeText(job.end_time()) : ""},
            {"Next", NextStep(job)}});
}

}  // namespace birthmark::cli
