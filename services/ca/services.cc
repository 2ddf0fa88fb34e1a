#include "services/ca/services.h"

#include <algorithm>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/base/thread_pool.h"
#include "lib/policy/csr.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/status.h"
#include "services/ca/batch_issuer.h"
#include "services/ca/convert.h"
#include "services/ca/crl_issuer.h"
#include "services/ca/issuer.h"
#include "services/ca/metrics.h"
#include "services/ca/record_signer.h"
#include "services/ca/shard_places.h"

namespace birthmark::ca {
namespace {

constexpr size_t kSigningQueue = 4096;

int SigningThreads(int asked) {
  return asked > 0
             ? asked
             : std::max(1,
                        static_cast<int>(std::thread::hardware_concurrency()));
}

absl::Status NotFound(absl::string_view reason, absl::string_view resource) {
  return MakeError(absl::StatusCode::kNotFound, reason,
                   absl::StrCat("there is no ", resource),
                   {{"resource", resource}});
}

}  // namespace

struct Services::Impl {
  Impl(const Dependencies& deps, std::string trust_domain, int threads,
       absl::Duration crl_lifetime)
      : trust_domain(std::move(trust_domain)),
        metrics(deps.metrics),
        pool(threads, kSigningQueue),
        serials(deps.serials),
        crls(deps.crls, deps.shards, crl_lifetime, deps.clock, metrics) {}

  // AddIssuer and AddProfile are for New alone.
  absl::Status AddIssuer(const Dependencies& dependencies,
                         const Options& options, IssuerKey key);
  absl::Status AddProfile(const Dependencies& dependencies,
                          const Options& options,
                          const policy::Profile& profile);

  absl::StatusOr<const Issuer*> FindIssuer(absl::string_view name,
                                           absl::string_view field) const;
  absl::StatusOr<BatchIssuer*> FindProfile(absl::string_view name,
                                           absl::string_view field) const;

  absl::StatusOr<v1::IssueCertificatesResponse> IssueCertificates(
      const rpc::CallContext& context,
      const v1::IssueCertificatesRequest& request);
  absl::StatusOr<v1::SignCrlResponse> SignCrl(
      const rpc::CallContext& context, const v1::SignCrlRequest& request);

  absl::StatusOr<v1::CertifyResponderResponse> CertifyResponder(
      const rpc::CallContext& context,
      const v1::CertifyResponderRequest& request);

  absl::StatusOr<v1::SignRecordsResponse> SignRecords(
      const rpc::CallContext& context, const v1::SignRecordsRequest& request);

  const std::string trust_domain;
  Metrics metrics;
  ThreadPool pool;
  crypto::SerialSource& serials;
  CrlIssuer crls;
  // By id; listed in this order.
  std::map<std::string, std::unique_ptr<Issuer>, std::less<>> issuers;
  // By issuer.
  std::map<std::string, std::unique_ptr<ShardPlaces>, std::less<>> places;
  std::map<std::string, std::unique_ptr<BatchIssuer>, std::less<>> profiles;
  // Those for OCSP responders, by issuer.
  std::map<std::string, BatchIssuer*, std::less<>> responders;
  // Null without a profile for it.
  std::unique_ptr<RecordSigner> records;
};

absl::StatusOr<const Issuer*> Services::Impl::FindIssuer(
    absl::string_view name, absl::string_view field) const {
  BIRTHMARK_ASSIGN_OR_RETURN(auto ids,
                             ParseName("issuers/{issuer}", name, field));
  const auto found = issuers.find(ids[0]);
  if (found == issuers.end()) {
    return NotFound(reasons::kIssuerNotFound, name);
  }
  return found->second.get();
}

absl::StatusOr<BatchIssuer*> Services::Impl::FindProfile(
    absl::string_view name, absl::string_view field) const {
  BIRTHMARK_ASSIGN_OR_RETURN(auto ids,
                             ParseName("profiles/{profile}", name, field));
  const auto found = profiles.find(ids[0]);
  if (found == profiles.end()) {
    return NotFound(reasons::kProfileNotFound, name);
  }
  return found->second.get();
}

absl::StatusOr<v1::IssueCertificatesResponse> Services::Impl::IssueCertificates(
    const rpc::CallContext& context,
    const v1::IssueCertificatesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(BatchIssuer * issuer,
                             FindProfile(request.profile(), "profile"));
  BIRTHMARK_RETURN_IF_ERROR(
      CheckOnBehalfOf(request.on_behalf_of(), trust_domain));
  std::vector<std::string> actors;
  for (const v1::CertificateRequest& one : request.requests()) {
    if (!one.on_behalf_of().empty()) {
      BIRTHMARK_RETURN_IF_ERROR(
          CheckOnBehalfOf(one.on_behalf_of(), trust_domain));
    }
    actors.push_back(one.on_behalf_of());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto requests, RequestsFrom(request));
  BIRTHMARK_ASSIGN_OR_RETURN(
      BatchIssuer::Results results,
      issuer->Issue(requests, {.caller = context.caller().actor,
                               .on_behalf_of = request.on_behalf_of(),
                               .on_behalf_of_each = std::move(actors),
                               .first_attempt = request.first_attempt()}));
  v1::IssueCertificatesResponse response;
  for (absl::StatusOr<std::string>& result : results) {
    v1::IssueCertificatesResponse::Result* out = response.add_results();
    if (result.ok()) {
      out->set_certificate_der(*std::move(result));
    } else {
      *out->mutable_error() = rpc::ToProto(result.status());
    }
  }
  const auto& chain = issuer->issuer().chain();
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    response.add_issuer_chain_der(chain[i]->der);
  }
  return response;
}

absl::StatusOr<v1::SignCrlResponse> Services::Impl::SignCrl(
    const rpc::CallContext& context, const v1::SignCrlRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Issuer* issuer,
                             FindIssuer(request.issuer(), "issuer"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      storage::CrlRow row,
      crls.Current(*issuer, request.shard(), context.caller().actor));
  return CrlTo(row);
}

absl::StatusOr<v1::CertifyResponderResponse> Services::Impl::CertifyResponder(
    const rpc::CallContext& context,
    const v1::CertifyResponderRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Issuer* issuer,
                             FindIssuer(request.issuer(), "issuer"));
  const auto found = responders.find(issuer->id());
  if (found == responders.end()) {
    return NotFound(
        reasons::kProfileNotFound,
        absl::StrCat("profile for OCSP responders of ", issuer->name()));
  }
  BatchIssuer& batches = *found->second;
  BIRTHMARK_ASSIGN_OR_RETURN(
      const x509::Csr csr,
      policy::ReadCsr(request.csr_der(), batches.profile()));
  BIRTHMARK_RETURN_IF_ERROR(csr.VerifyProofOfPossession());
  BIRTHMARK_ASSIGN_OR_RETURN(std::string serial, HexDecode(serials.Next()));
  const std::string& caller = context.caller().actor;
  BIRTHMARK_ASSIGN_OR_RETURN(
      BatchIssuer::Results results,
      batches.Issue(
          {{std::move(serial), std::string(csr.spki_der()),
            policy::OcspResponderSubject{}}},
          {.caller = caller, .on_behalf_of = caller, .first_attempt = true}));
  BIRTHMARK_RETURN_IF_ERROR(results[0].status());
  v1::CertifyResponderResponse response;
  response.set_certificate_der(*std::move(results[0]));
  return response;
}

absl::StatusOr<v1::SignRecordsResponse> Services::Impl::SignRecords(
    const rpc::CallContext& context, const v1::SignRecordsRequest& request) {
  if (records == nullptr) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kProfileNotFound,
                     "the CA has no profile of kind record-signer",
                     {{"resource", "profiles/record-signer"}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::vector<std::string> jws,
      records->Sign(request.type(),
                    {request.payloads().begin(), request.payloads().end()},
                    context.caller().actor));
  v1::SignRecordsResponse response;
  for (std::string& one : jws) {
    response.add_jws(std::move(one));
  }
  return response;
}

absl::Status Services::Impl::AddIssuer(const Dependencies& dependencies,
                                       const Options& options, IssuerKey key) {
  const std::string id = key.id;
  absl::Duration longest;
  bool deltas = false;
  for (const policy::Profile& profile : options.profiles) {
    if (profile.issuer == id && IsOnCrl(profile)) {
      longest = std::max(longest,
                         profile.validity.value_or(absl::InfiniteDuration()));
      deltas = deltas || profile.freshest_crl;
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto issuer, Issuer::New({id, std::move(key.signer), std::move(key.chain),
                                options.crl_base_url, deltas}));
  int capacity = kOneShard;
  if (issuer->publishes_crls()) {
    capacity =
        options.crl_shard_size > 0 ? options.crl_shard_size : kDefaultShardSize;
  }
  if (!issuers.emplace(id, std::move(issuer)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("issuer ", id, " is there twice"));
  }
  places.emplace(id, std::make_unique<ShardPlaces>(dependencies.shards, id,
                                                   capacity, longest));
  return absl::OkStatus();
}

absl::Status Services::Impl::AddProfile(const Dependencies& dependencies,
                                        const Options& options,
                                        const policy::Profile& profile) {
  const auto found = issuers.find(profile.issuer);
  if (found == issuers.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "profile ", profile.id, ": there is no issuer ", profile.issuer));
  }
  const Issuer& issuer = *found->second;
  policy::Issuance::Options issuance{.profile = profile,
                                     .issuer = issuer.certificate(),
                                     .algorithm = issuer.algorithm(),
                                     .trust_domain = trust_domain,
                                     .ocsp_uri = options.ocsp_url};
  if (!options.ca_issuers_base_url.empty()) {
    issuance.ca_issuers_uri =
        absl::StrCat(options.ca_issuers_base_url, "/", issuer.id(), ".cer");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(policy::Issuance made,
                             policy::Issuance::New(std::move(issuance)));
  auto batches = std::make_unique<BatchIssuer>(
      issuer, std::move(made), *places.at(issuer.id()),
      dependencies.certificates, pool, dependencies.clock, metrics);
  if (profile.kind == policy::ProfileKind::kOcspResponder &&
      !responders.emplace(issuer.id(), batches.get()).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("profile ", profile.id, ": issuer ", issuer.id(),
                     " has another one for OCSP responders"));
  }
  if (profile.kind == policy::ProfileKind::kRecordSigner) {
    if (records != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("profile ", profile.id,
                       ": there is another one for the signer of records"));
    }
    if (profile.key_algorithms.front() != RecordSigner::kAlgorithm) {
      return absl::InvalidArgumentError(absl::StrCat(
          "profile ", profile.id, ": a signer of records has a P-256 key"));
    }
    records = std::make_unique<RecordSigner>(*batches, dependencies.serials,
                                             dependencies.clock, metrics);
  }
  if (!profiles.emplace(profile.id, std::move(batches)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("profile ", profile.id, " is there twice"));
  }
  return absl::OkStatus();
}

Services::Services(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Services::~Services() = default;

absl::StatusOr<std::unique_ptr<Services>> Services::New(
    const Dependencies& dependencies, Options options) {
  auto impl = std::make_unique<Impl>(dependencies, options.trust_domain,
                                     SigningThreads(options.signing_threads),
                                     options.crl_lifetime > absl::ZeroDuration()
                                         ? options.crl_lifetime
                                         : kDefaultCrlLifetime);
  for (IssuerKey& key : options.issuers) {
    BIRTHMARK_RETURN_IF_ERROR(
        impl->AddIssuer(dependencies, options, std::move(key)));
  }
  for (const policy::Profile& profile : options.profiles) {
    BIRTHMARK_RETURN_IF_ERROR(impl->AddProfile(dependencies, options, profile));
  }
  return std::unique_ptr<Services>(new Services(std::move(impl)));
}

void Services::Register(rpc::Router& router) {
  Impl* impl = impl_.get();
  const auto* file = v1::SignCrlRequest::descriptor()->file();
  for (int i = 0; i < file->service_count(); ++i) {
    router.AddService(*file->service(i));
  }
  router.Unary<v1::IssueCertificatesRequest, v1::IssueCertificatesResponse>(
      "birthmark.ca.v1.CertificateAuthority.IssueCertificates",
      [impl](const rpc::CallContext& context,
             const v1::IssueCertificatesRequest& request) {
        return impl->IssueCertificates(context, request);
      });
  router.Unary<v1::GetIssuerRequest, v1::Issuer>(
      "birthmark.ca.v1.CertificateAuthority.GetIssuer",
      [impl](const rpc::CallContext&, const v1::GetIssuerRequest& request)
          -> absl::StatusOr<v1::Issuer> {
        BIRTHMARK_ASSIGN_OR_RETURN(const Issuer* issuer,
                                   impl->FindIssuer(request.name(), "name"));
        return IssuerTo(*issuer);
      });
  router.Unary<v1::ListIssuersRequest, v1::ListIssuersResponse>(
      "birthmark.ca.v1.CertificateAuthority.ListIssuers",
      [impl](const rpc::CallContext&, const v1::ListIssuersRequest&)
          -> absl::StatusOr<v1::ListIssuersResponse> {
        v1::ListIssuersResponse response;
        for (const auto& [id, issuer] : impl->issuers) {
          *response.add_issuers() = IssuerTo(*issuer);
        }
        return response;
      });
  router.Unary<v1::GetProfileRequest, v1::Profile>(
      "birthmark.ca.v1.CertificateAuthority.GetProfile",
      [impl](const rpc::CallContext&, const v1::GetProfileRequest& request)
          -> absl::StatusOr<v1::Profile> {
        BIRTHMARK_ASSIGN_OR_RETURN(BatchIssuer * batches,
                                   impl->FindProfile(request.name(), "name"));
        return ProfileTo(batches->profile());
      });
  router.Unary<v1::ListProfilesRequest, v1::ListProfilesResponse>(
      "birthmark.ca.v1.CertificateAuthority.ListProfiles",
      [impl](const rpc::CallContext&, const v1::ListProfilesRequest&)
          -> absl::StatusOr<v1::ListProfilesResponse> {
        v1::ListProfilesResponse response;
        for (const auto& [id, batches] : impl->profiles) {
          *response.add_profiles() = ProfileTo(batches->profile());
        }
        return response;
      });
  router.Unary<v1::SignCrlRequest, v1::SignCrlResponse>(
      "birthmark.ca.v1.CrlSigner.SignCrl",
      [impl](const rpc::CallContext& context,
             const v1::SignCrlRequest& request) {
        return impl->SignCrl(context, request);
      });
  router.Unary<v1::CertifyResponderRequest, v1::CertifyResponderResponse>(
      "birthmark.ca.v1.OcspSigner.CertifyResponder",
      [impl](const rpc::CallContext& context,
             const v1::CertifyResponderRequest& request) {
        return impl->CertifyResponder(context, request);
      });
  router.Unary<v1::SignRecordsRequest, v1::SignRecordsResponse>(
      "birthmark.ca.v1.RecordSigner.SignRecords",
      [impl](const rpc::CallContext& context,
             const v1::SignRecordsRequest& request) {
        return impl->SignRecords(context, request);
      });
}

}  // namespace birthmark::ca
