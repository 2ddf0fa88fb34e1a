#include "services/registration/enroller.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "birthmark/ca/v1/ca_service.pb.h"

namespace birthmark::registration {
namespace {

// The next group grows while this one waits for the database and the CA.
constexpr size_t kGroupsAtATime = 1;

}  // namespace

Enroller::Enroller(storage::RegistrationStore& store, CaClient& ca)
    : store_(store),
      ca_(ca),
      combiner_(kLargestGroup, kGroupsAtATime,
                [this](const std::vector<Job*>& jobs) { Work(jobs); }) {}

absl::StatusOr<std::vector<std::string>> Enroller::Enroll(Order order) {
  Job job{order};
  combiner_.Run(job);
  return std::move(job.chain);
}

std::vector<Enroller::Job*> Enroller::Record(const std::vector<Job*>& jobs) {
  std::vector<const storage::EnrollmentAttempt*> attempts;
  attempts.reserve(jobs.size());
  for (const Job* job : jobs) {
    attempts.push_back(&job->order.attempt);
  }
  std::vector<Job*> recorded;
  const absl::StatusOr<std::vector<bool>> done = store_.EnrollNew(attempts);
  for (size_t i = 0; i < jobs.size(); ++i) {
    Job& job = *jobs[i];
    const storage::EnrollmentAttempt& attempt = job.order.attempt;
    if (!done.ok()) {
      job.chain = done.status();
      continue;
    }
    if ((*done)[i]) {
      job.enrolled.serial = attempt.enrollment.key.serial;
    } else {
      absl::StatusOr<storage::Enrolled> enrolled =
          store_.Enroll(attempt.contact, attempt.enrollment);
      if (!enrolled.ok()) {
        job.chain = std::move(enrolled).status();
        continue;
      }
      job.enrolled = *std::move(enrolled);
    }
    // The serial of a key that is new has been told nobody.
    job.is_new = job.enrolled.serial == attempt.enrollment.key.serial;
    recorded.push_back(&job);
  }
  return recorded;
}

void Enroller::Sign(const std::vector<Job*>& jobs) {
  std::vector<ca::v1::CertificateRequest> requests;
  requests.reserve(jobs.size());
  bool first_attempt = true;
  for (const Job* job : jobs) {
    const storage::Contact& contact = job->order.attempt.contact;
    ca::v1::CertificateRequest& request = requests.emplace_back();
    request.set_serial(job->enrolled.serial);
    request.set_spki_der(job->order.spki_der);
    request.set_on_behalf_of(contact.actor);
    request.mutable_device()->set_uid(contact.device_uid);
    request.mutable_device()->set_fleet(job->order.fleet_id);
    first_attempt &= job->is_new;
  }
  const Order& first = jobs.front()->order;
  absl::StatusOr<CaClient::Issued> issued =
      ca_.Issue(first.profile->id, std::move(requests),
                first.attempt.contact.actor, first_attempt);
  for (size_t i = 0; i < jobs.size(); ++i) {
    Job& job = *jobs[i];
    if (!issued.ok()) {
      job.chain = issued.status();
    } else if (!issued->certificates[i].ok()) {
      job.chain = issued->certificates[i].status();
    } else {
      job.chain = issued->issuer_chain;
      job.chain->insert(job.chain->begin(), *issued->certificates[i]);
    }
  }
}

void Enroller::Work(const std::vector<Job*>& jobs) {
  std::map<const policy::Profile*, std::vector<Job*>> to_sign;
  for (Job* job : Record(jobs)) {
    const policy::Profile* profile = job->order.profile;
    if (job->enrolled.certificate_der.empty()) {
      to_sign[profile].push_back(job);
      continue;
    }
    job->chain = ca_.IssuerChain(profile->issuer);
    if (job->chain.ok()) {
      job->chain->insert(job->chain->begin(), job->enrolled.certificate_der);
    }
  }
  for (const auto& [profile, of_profile] : to_sign) {
    Sign(of_profile);
  }
}

}  // namespace birthmark::registration
