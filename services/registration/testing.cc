#include "services/registration/testing.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/keys/local_key.h"
#include "lib/rpc/status.h"
#include "lib/x509/csr.h"

namespace birthmark::registration {

std::string MakeCsr(crypto::KeyAlgorithm algorithm) {
  const auto key = keys::LocalKey::Generate(algorithm);
  if (!key.ok()) {
    std::abort();
  }
  x509::CsrRequest request;
  request.subject.CommonName("ignored");
  const auto csr = x509::CreateCsr(
      request, (*key)->public_key().spki_der(), (*key)->algorithm(),
      [&](absl::string_view message) { return (*key)->Sign(message); });
  if (!csr.ok()) {
    std::abort();
  }
  return *csr;
}

policy::Profile MakeProfile(policy::ProfileKind kind) {
  policy::Profile profile;
  profile.id = std::string(policy::ProfileKindName(kind));
  profile.version = 1;
  profile.kind = kind;
  profile.issuer = "internal";
  profile.validity = absl::Hours(24);
  profile.key_algorithms = {crypto::KeyAlgorithm::kP256};
  return profile;
}

std::string MemoryCa::CertificateFor(
    const ca::v1::CertificateRequest& request) {
  return absl::StrCat("certificate of ", request.device().uid(), " for ",
                      request.device().model());
}

void MemoryCa::FailNext(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  failures_.push_back(std::move(status));
}

void MemoryCa::RefuseModel(std::string model) {
  std::lock_guard<std::mutex> lock(mutex_);
  refused_model_ = std::move(model);
}

std::string MemoryCa::Certificate(const std::string& serial) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = issued_.find(serial);
  return found == issued_.end() ? "" : found->second;
}

int MemoryCa::signatures() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(issued_.size());
}

absl::Status MemoryCa::DoUnary(absl::string_view method,
                               const google::protobuf::Message& request,
                               google::protobuf::Message& response,
                               absl::Duration) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failures_.empty()) {
    absl::Status status = failures_.front();
    failures_.pop_front();
    return status;
  }
  if (method == "birthmark.ca.v1.CertificateAuthority.GetIssuer") {
    auto& issuer = dynamic_cast<ca::v1::Issuer&>(response);
    issuer.add_certificate_chain_der("issuer");
    issuer.add_certificate_chain_der("root");
    return absl::OkStatus();
  }
  const auto& orders =
      dynamic_cast<const ca::v1::IssueCertificatesRequest&>(request);
  auto& issued = dynamic_cast<ca::v1::IssueCertificatesResponse&>(response);
  for (const ca::v1::CertificateRequest& order : orders.requests()) {
    auto& result = *issued.add_results();
    if (order.device().model() == refused_model_) {
      *result.mutable_error() = rpc::ToProto(
          MakeError(absl::StatusCode::kFailedPrecondition,
                    reasons::kProfileViolation, "no", {{"rule", "lint"}}));
    } else {
      result.set_certificate_der(
          issued_.emplace(order.serial(), CertificateFor(order)).first->second);
    }
  }
  issued.add_issuer_chain_der("issuer");
  return absl::OkStatus();
}

void MemoryBatches::FailNext(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  admit_failures_.push_back(std::move(status));
}

std::vector<audit::Entry> MemoryBatches::entries() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_;
}

std::map<std::string, storage::ItemFailure> MemoryBatches::failures() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failures_;
}

absl::StatusOr<storage::BatchRow> MemoryBatches::Create(
    const storage::BatchRow&, const storage::Mutation&) {
  return absl::UnimplementedError("");
}
absl::StatusOr<storage::BatchRow> MemoryBatches::Get(absl::string_view,
                                                     absl::string_view,
                                                     absl::string_view) {
  return absl::UnimplementedError("");
}
absl::StatusOr<storage::BatchCounts> MemoryBatches::Count(int64_t) {
  return absl::UnimplementedError("");
}
absl::StatusOr<std::vector<storage::BatchRow>> MemoryBatches::List(
    absl::string_view, absl::string_view, int64_t, int) {
  return absl::UnimplementedError("");
}
absl::StatusOr<storage::BatchRow> MemoryBatches::Close(
    absl::string_view, absl::string_view, absl::string_view,
    const storage::Mutation&) {
  return absl::UnimplementedError("");
}
absl::StatusOr<std::vector<storage::ItemResult>> MemoryBatches::ListResults(
    int64_t, absl::string_view, int) {
  return absl::UnimplementedError("");
}

storage::Admission MemoryBatches::AdmitOne(
    const storage::AdmissionRequest& request, const AlertMaker& alert_for) {
  storage::Admission admission;
  const auto known = items_.find(request.item_id);
  if (known != items_.end()) {
    if (known->second.digest != request.csr_sha256) {
      admission.status = MakeError(absl::StatusCode::kInvalidArgument,
                                   reasons::kRequestIdReused, "reused");
      return admission;
    }
    admission.device_uid = known->second.device_uid;
    admission.serial = known->second.serial;
    admission.certificate_der = ca_.Certificate(admission.serial);
    return admission;
  }
  if (!keys_.insert(request.key.spki_sha256).second) {
    entries_.push_back(alert_for(request));
    admission.status = MakeError(absl::StatusCode::kAlreadyExists,
                                 reasons::kKeyAlreadyEnrolled, "known");
    return admission;
  }
  entries_.push_back(request.audit);
  items_[request.item_id] = {request.csr_sha256, request.device.device_uid,
                             request.key.serial};
  admission.device_uid = request.device.device_uid;
  admission.serial = request.key.serial;
  return admission;
}

absl::StatusOr<std::vector<storage::Admission>> MemoryBatches::Admit(
    const storage::BatchRow&,
    absl::Span<const storage::AdmissionRequest> requests,
    const AlertMaker& alert_for) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!admit_failures_.empty()) {
    absl::Status status = admit_failures_.front();
    admit_failures_.pop_front();
    return status;
  }
  std::vector<storage::Admission> admissions;
  for (const storage::AdmissionRequest& request : requests) {
    admissions.push_back(AdmitOne(request, alert_for));
  }
  return admissions;
}

absl::Status MemoryBatches::RecordFailures(
    int64_t, absl::Span<const storage::ItemFailure> failures, absl::Time) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const storage::ItemFailure& failure : failures) {
    failures_[failure.item_id] = failure;
  }
  return absl::OkStatus();
}

}  // namespace birthmark::registration
