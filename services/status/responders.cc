#include "services/status/responders.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/spread_delay.h"
#include "lib/base/status_macros.h"
#include "lib/keys/local_key.h"
#include "lib/telemetry/log.h"
#include "lib/x509/csr.h"
#include "lib/x509/oid.h"

namespace birthmark::status {
namespace {

// A step of the wall clock is noticed within this.
constexpr absl::Duration kLongestSleep = absl::Seconds(10);

absl::Status Unusable(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("the OCSP responder's certificate ", what));
}

absl::Status Check(const x509::Certificate& certificate,
                   const x509::Certificate& issuer, const keys::Signer& key,
                   absl::Time now) {
  if (certificate->spki_der != key.public_key().spki_der()) {
    return Unusable("is for another key");
  }
  if (certificate->issuer_der != issuer->subject_der ||
      !certificate.VerifySignatureBy(issuer.public_key()).ok()) {
    return Unusable("was not signed by its issuer");
  }
  const auto& usages = certificate->extended_key_usages;
  if (std::find(usages.begin(), usages.end(), x509::oids::kOcspSigning) ==
      usages.end()) {
    return Unusable("is not for signing OCSP responses");
  }
  if (now < certificate->not_before || now >= certificate->not_after) {
    return Unusable("is not valid now");
  }
  return absl::OkStatus();
}

}  // namespace

Credential::Credential(x509::OcspResponder writer,
                       std::unique_ptr<const keys::Signer> key,
                       absl::Time not_before, absl::Time not_after)
    : writer_(std::move(writer)),
      key_(std::move(key)),
      not_before_(not_before),
      not_after_(not_after) {}

absl::StatusOr<std::shared_ptr<const Credential>> Credential::New(
    const x509::Certificate& issuer, absl::string_view certificate_der,
    std::unique_ptr<const keys::Signer> key, absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(x509::Certificate certificate,
                             x509::Certificate::Parse(certificate_der));
  BIRTHMARK_RETURN_IF_ERROR(Check(certificate, issuer, *key, now));
  const absl::Time not_before = certificate->not_before;
  const absl::Time not_after = certificate->not_after;
  BIRTHMARK_ASSIGN_OR_RETURN(
      x509::OcspResponder writer,
      x509::OcspResponder::New({.certificate = std::move(certificate),
                                .algorithm = key->algorithm()}));
  return std::shared_ptr<const Credential>(
      new Credential(std::move(writer), std::move(key), not_before, not_after));
}

absl::StatusOr<std::string> Credential::Sign(
    absl::Span<const x509::OcspAnswer> answers, absl::Time produced_at,
    std::optional<absl::string_view> nonce) const {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string tbs,
                             writer_.BuildTbs(answers, produced_at, nonce));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string signature, key_->Sign(tbs));
  return writer_.Assemble(tbs, signature);
}

Responders::Responders(const Issuers& issuers, CaClient& ca, Clock& clock,
                       Metrics& metrics, Options options)
    : issuers_(issuers),
      ca_(ca),
      clock_(clock),
      metrics_(metrics),
      options_(options),
      slots_(issuers.size()) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].retry = options_.first_retry;
    metrics_.responder_not_after.With({issuers_[i].id}).Set(0);
  }
}

Responders::Responders(const Issuers& issuers, CaClient& ca, Clock& clock,
                       Metrics& metrics)
    : Responders(issuers, ca, clock, metrics, Options()) {}

Responders::~Responders() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Responders::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Responders::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    lock.unlock();
    const absl::Duration pause = std::min(Renew(), kLongestSleep);
    lock.lock();
    wake_.wait_for(lock, absl::ToChronoNanoseconds(pause),
                   [this] { return stopped_; });
  }
}

std::shared_ptr<const Credential> Responders::Get(size_t place,
                                                  absl::Time now) const {
  std::shared_ptr<const Credential> credential;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    credential = slots_[place].credential;
  }
  const bool valid = credential != nullptr && credential->not_before() <= now &&
                     now < credential->not_after();
  return valid ? credential : nullptr;
}

absl::Duration Responders::Renew() {
  absl::Duration pause = absl::InfiniteDuration();
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const absl::Time now = clock_.Now();
    const absl::Duration monotonic = clock_.MonotonicNow();
    // A clock that went back before it began makes it useless too.
    const bool due = now >= slot.renew_at || Get(i, now) == nullptr;
    if (due && monotonic >= slot.next_try) {
      auto credential = Certify(issuers_[i]);
      if (credential.ok()) {
        const absl::Time not_after = (*credential)->not_after();
        slot.renew_at = now + (not_after - now) / 2;
        slot.retry = options_.first_retry;
        slot.next_try = monotonic + options_.first_retry;
        metrics_.responder_not_after.With({issuers_[i].id})
            .Set(static_cast<double>(absl::ToUnixSeconds(not_after)));
        telemetry::Log(
            telemetry::Level::kInfo, "ocsp_responder_certified",
            {{"issuer", issuers_[i].id},
             {"not_after", absl::FormatTime(not_after, absl::UTCTimeZone())}});
        const std::lock_guard<std::mutex> lock(mutex_);
        slot.credential = *std::move(credential);
      } else {
        slot.next_try = monotonic + SpreadDelay(slot.retry);
        slot.retry = std::min(slot.retry * 2, options_.longest_retry);
        metrics_.responder_failures.With({issuers_[i].id}).Increment();
        telemetry::Log(
            telemetry::Level::kWarning, "ocsp_responder_not_certified",
            {{"issuer", issuers_[i].id},
             {"error", credential.status().ToString(
                           absl::StatusToStringMode::kWithNoExtraData)}});
      }
    }
    pause = std::min(pause,
                     std::max(slot.next_try - monotonic, slot.renew_at - now));
  }
  tried_ = true;
  return std::max(pause, absl::Milliseconds(10));
}

absl::StatusOr<std::shared_ptr<const Credential>> Responders::Certify(
    const Issuer& issuer) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::unique_ptr<keys::LocalKey> key,
      keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string csr,
      x509::CreateCsr(
          x509::CsrRequest(), key->public_key().spki_der(), key->algorithm(),
          [&key](absl::string_view message) { return key->Sign(message); }));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string certificate,
                             ca_.CertifyResponder(issuer.id, csr));
  return Credential::New(issuer.certificate(), certificate, std::move(key),
                         clock_.Now());
}

}  // namespace birthmark::status
