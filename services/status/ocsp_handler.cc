#include "services/status/ocsp_handler.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/http/response.h"
#include "lib/http/target.h"
#include "lib/telemetry/log.h"

namespace birthmark::status {
namespace {

constexpr absl::string_view kGetPrefix = "/ocsp/";
constexpr absl::string_view kRequestType = "application/ocsp-request";
constexpr absl::string_view kResponseType = "application/ocsp-response";
constexpr size_t kLargestLookup = 256;

std::shared_ptr<const std::string> HeadersWith(absl::string_view control) {
  return http::Shared(absl::StrCat("Content-Type: ", kResponseType,
                                   "\r\nCache-Control: ", control, "\r\n"));
}

// Says nothing about a certificate, so nobody should keep it.
http::Response ErrorResponse(x509::OcspResponseStatus status) {
  static const auto& headers =
      *new std::shared_ptr<const std::string>(HeadersWith("no-store"));
  http::Response response;
  response.headers = headers;
  response.body = http::Shared(std::string(x509::OcspErrorDer(status)));
  return response;
}

// For one client, or for a moment: right now, and for nobody else.
http::Response UncachedResponse(std::string der) {
  static const auto& headers =
      *new std::shared_ptr<const std::string>(HeadersWith("no-cache"));
  http::Response response;
  response.headers = headers;
  response.body = http::Shared(std::move(der));
  return response;
}

bool IsOcspRequestType(absl::string_view content_type) {
  const absl::string_view type = absl::StripAsciiWhitespace(
      content_type.substr(0, content_type.find(';')));
  return absl::EqualsIgnoreCase(type, kRequestType);
}

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

// The place of the issuer whose responder signs: the first that is known.
std::optional<size_t> SignerOf(const x509::OcspRequest& request,
                               const Issuers& issuers) {
  for (const x509::OcspCertId& id : request.cert_ids()) {
    if (const auto place = issuers.Find(id); place.has_value()) {
      return place;
    }
  }
  return std::nullopt;
}

size_t UsualSize(const x509::OcspIssuerHashes& hashes, x509::OcspHash hash) {
  return hashes.CertIdDer(hash, std::string(x509::kSerialSize, '\1')).size();
}

bool Usable(const StatusCache::Prepared& prepared, absl::Time now) {
  return prepared.document != nullptr && prepared.signed_at <= now &&
         now < prepared.document->expires;
}

}  // namespace

OcspHandler::OcspHandler(storage::StatusStore& statuses, const Issuers& issuers,
                         const Feed& feed, const Responders& responders,
                         StatusCache& cache, Clock& clock, Metrics& metrics,
                         Options options)
    : statuses_(statuses),
      issuers_(issuers),
      feed_(feed),
      responders_(responders),
      cache_(cache),
      clock_(clock),
      metrics_(metrics),
      options_(options),
      usual_sha1_(UsualSize(issuers[0].hashes, x509::OcspHash::kSha1)),
      usual_sha256_(UsualSize(issuers[0].hashes, x509::OcspHash::kSha256)),
      queue_(options.lookup_threads, options.queued_lookups, kLargestLookup,
             [this](std::vector<Waiting> batch) { LookUp(std::move(batch)); }) {
}

// A response repeats the CertID octet by octet, and there are two ways to write
// the hash algorithm, of different lengths: with NULL as parameters, as all
// clients do, or without.
bool OcspHandler::IsUsual(const x509::OcspCertId& id) const {
  return id.der.size() ==
         (id.hash == x509::OcspHash::kSha1 ? usual_sha1_ : usual_sha256_);
}

http::Response OcspHandler::TryLater(telemetry::Counter& counter) const {
  counter.Increment();
  return ErrorResponse(x509::OcspResponseStatus::kTryLater);
}

void OcspHandler::Handle(const http::Request& request,
                         http::Responder responder) {
  std::string decoded;
  absl::string_view der = request.body;
  if (request.method == http::Method::kPost) {
    if (!IsOcspRequestType(request.content_type)) {
      responder.Send(http::UnsupportedMediaType(
          "the content type of an OCSP request is application/ocsp-request"));
      return;
    }
  } else if (request.method == http::Method::kGet ||
             request.method == http::Method::kHead) {
    if (auto bytes =
            http::DecodeOcspPath(request.path.substr(kGetPrefix.size()));
        bytes.ok()) {
      decoded = *std::move(bytes);
    }
    der = decoded;  // An empty one is malformed.
  } else {
    responder.Send(http::MethodNotAllowed("GET, HEAD, POST"));
    return;
  }
  const auto parsed = x509::OcspRequest::Parse(der);
  if (!parsed.ok()) {
    metrics_.ocsp_malformed.Increment();
    responder.Send(ErrorResponse(x509::OcspResponseStatus::kMalformedRequest));
    return;
  }
  if (auto response = Answer(*parsed, request, nullptr); response.has_value()) {
    responder.Send(*std::move(response));
    return;
  }
  Waiting waiting{std::string(der), request.method,
                  std::string(request.if_none_match),
                  std::string(request.if_modified_since), std::move(responder)};
  if (!queue_.TryPush(waiting)) {
    waiting.responder.Send(TryLater(metrics_.try_later_queue));
  }
}

std::optional<http::Response> OcspHandler::Answer(
    const x509::OcspRequest& parsed, const http::Request& request,
    const LookedUp* looked_up) {
  const Moment now = Moment::Now(clock_);
  // Before the cache is read: all changes up to this moment are in it then.
  const absl::Time followed = feed_.followed(now);
  const std::optional<size_t> signer = SignerOf(parsed, issuers_);
  if (!signer.has_value()) {
    metrics_.ocsp_unauthorized.Increment();
    return ErrorResponse(x509::OcspResponseStatus::kUnauthorized);
  }
  if (!feed_.trusted()) {
    return TryLater(metrics_.try_later_history);
  }
  absl::InlinedVector<Single, 1> singles;
  for (const x509::OcspCertId& id : parsed.cert_ids()) {
    auto single = Look(id, *signer, now, followed, looked_up);
    if (!single.has_value()) {
      return std::nullopt;
    }
    singles.push_back(*std::move(single));
  }
  const bool plain = singles.size() == 1 && !parsed.nonce().has_value() &&
                     singles[0].fact.has_value();
  if (plain && Usable(singles[0].prepared, now.wall) &&
      (now.wall < singles[0].prepared.renew_at ||
       singles[0].answer.this_update <= singles[0].prepared.this_update)) {
    metrics_.ocsp_cached.Increment();
    return Serve(request, std::move(singles[0].prepared.document), now.wall,
                 options_.max_age);
  }
  const auto credential = responders_.Get(*signer, now.wall);
  if (credential == nullptr) {
    return TryLater(metrics_.try_later_responder);
  }
  telemetry::Counter& signed_how =
      looked_up == nullptr ? metrics_.ocsp_signed : metrics_.ocsp_looked_up;
  if (plain) {
    auto response = Prepare(*credential, singles[0], request, now.wall);
    signed_how.Increment();
    return response;
  }
  absl::InlinedVector<x509::OcspAnswer, 1> answers;
  for (Single& single : singles) {
    if (single.answer.next_update.has_value()) {
      single.answer.next_update =
          std::min(*single.answer.next_update, credential->not_after());
    }
    answers.push_back(single.answer);
  }
  auto der = credential->Sign(answers, now.wall, parsed.nonce());
  if (!der.ok()) {
    return TryLater(metrics_.try_later_signer);
  }
  signed_how.Increment();
  return UncachedResponse(*std::move(der));
}

std::optional<OcspHandler::Single> OcspHandler::Look(
    const x509::OcspCertId& id, size_t signer, const Moment& now,
    absl::Time followed, const LookedUp* looked_up) {
  Single unknown;
  unknown.answer.cert_id = id;
  unknown.answer.status = x509::OcspCertStatus::kUnknown;
  unknown.answer.this_update = WholeSeconds(now.wall);
  if (!issuers_[signer].hashes.Matches(id) ||
      id.serial.size() != x509::kSerialSize) {
    return unknown;
  }
  if (auto found = cache_.Find(id.serial, id.hash); found.has_value()) {
    const absl::Time this_update =
        std::max(followed, found->fact.as_of.SeenFrom(now));
    if (now.wall < WholeSeconds(this_update) + options_.lifetime) {
      Single single = Tell(id, signer, found->fact, this_update, now);
      if (IsUsual(id)) {
        single.prepared = std::move(found->prepared);
      }
      return single;
    }
  }
  if (looked_up == nullptr) {
    return std::nullopt;
  }
  const auto found = looked_up->facts.find(id.serial);
  if (found == looked_up->facts.end()) {
    return unknown;
  }
  return Tell(id, signer, found->second, looked_up->as_of.SeenFrom(now), now);
}

OcspHandler::Single OcspHandler::Tell(const x509::OcspCertId& id, size_t signer,
                                      const Fact& fact, absl::Time this_update,
                                      const Moment& now) const {
  Single single;
  single.answer.cert_id = id;
  if (fact.issuer != static_cast<int>(signer)) {
    // The serial number is another issuer's.
    single.answer.status = x509::OcspCertStatus::kUnknown;
    single.answer.this_update = WholeSeconds(now.wall);
    return single;
  }
  single.fact = fact;
  single.answer.this_update = WholeSeconds(this_update);
  single.answer.next_update = single.answer.this_update + options_.lifetime;
  if (fact.revoked) {
    single.answer.status = x509::OcspCertStatus::kRevoked;
    single.answer.reason = fact.reason;
    single.answer.revocation_time = fact.revoke_time;
  } else {
    single.answer.status = x509::OcspCertStatus::kGood;
  }
  if (fact.not_after < now.wall) {
    single.answer.archive_cutoff = issuers_[signer].certificate()->not_before;
  }
  return single;
}

http::Response OcspHandler::Prepare(const Credential& credential,
                                    Single& single,
                                    const http::Request& request,
                                    absl::Time now) {
  x509::OcspAnswer& answer = single.answer;
  answer.next_update = std::min(*answer.next_update, credential.not_after());
  auto der = credential.Sign({answer}, now, std::nullopt);
  if (!der.ok()) {
    return TryLater(metrics_.try_later_signer);
  }
  StatusCache::Prepared prepared;
  prepared.document =
      MakeDocument(*std::move(der), kResponseType, answer.this_update,
                   *answer.next_update, options_.max_age);
  prepared.signed_at = now;
  prepared.this_update = answer.this_update;
  prepared.renew_at =
      answer.this_update + (*answer.next_update - answer.this_update) / 2;
  if (IsUsual(answer.cert_id)) {
    cache_.Attach(answer.cert_id.serial, answer.cert_id.hash, *single.fact,
                  prepared);
  }
  return Serve(request, std::move(prepared.document), now, options_.max_age);
}

void OcspHandler::LookUp(std::vector<Waiting> batch) {
  std::vector<std::string> serials;
  absl::flat_hash_set<std::string> asked;
  for (const Waiting& waiting : batch) {
    const auto parsed = x509::OcspRequest::Parse(waiting.der);
    for (const x509::OcspCertId& id : parsed->cert_ids()) {
      if (id.serial.size() == x509::kSerialSize &&
          asked.emplace(id.serial).second) {
        serials.emplace_back(id.serial);
      }
    }
  }
  LookedUp looked_up;
  const uint64_t epoch = cache_.epoch();
  const int64_t seen = feed_.revision();
  looked_up.as_of = Moment::Now(clock_);
  absl::StatusOr<storage::StatusStore::Statuses> found =
      absl::UnavailableError("the last look-up failed");
  if (absl::ToInt64Nanoseconds(looked_up.as_of.monotonic) >=
      no_lookup_before_) {
    found = statuses_.Find(serials);
    metrics_.lookup_statuses.Observe(static_cast<double>(serials.size()));
    metrics_.lookup_seconds.Observe(absl::ToDoubleSeconds(
        clock_.MonotonicNow() - looked_up.as_of.monotonic));
    if (!found.ok()) {
      no_lookup_before_ = absl::ToInt64Nanoseconds(clock_.MonotonicNow() +
                                                   options_.lookup_pause);
      telemetry::Log(
          telemetry::Level::kWarning, "ocsp_lookup_failed",
          {{"error", found.status().ToString(
                         absl::StatusToStringMode::kWithNoExtraData)}});
    }
  }
  if (found.ok() && found->revision < seen) {
    // The feed will notice in a moment; until then nothing is believed.
    found = absl::UnavailableError("the database has forgotten changes");
  }
  if (found.ok()) {
    for (const storage::CertificateStatus& row : found->certificates) {
      const Fact fact = FactOf(row, found->revision, looked_up.as_of, issuers_);
      cache_.Insert(row.serial, fact, epoch);
      looked_up.facts.emplace(row.serial, fact);
    }
  }
  for (Waiting& waiting : batch) {
    const auto parsed = x509::OcspRequest::Parse(waiting.der);
    http::Request request;
    request.method = waiting.method;
    request.if_none_match = waiting.if_none_match;
    request.if_modified_since = waiting.if_modified_since;
    auto response = Answer(*parsed, request, found.ok() ? &looked_up : nullptr);
    waiting.responder.Send(response.has_value()
                               ? *std::move(response)
                               : TryLater(metrics_.try_later_database));
  }
}

}  // namespace birthmark::status
