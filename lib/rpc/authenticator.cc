#include "lib/rpc/authenticator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/x509/chain.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"
#include "lib/x509/spiffe.h"

namespace birthmark::rpc {
namespace {

using options::v1::Role;
using x509::Certificate;

// Far more than a certificate of ours has: a limit before any parsing.
constexpr size_t kMaxCertificateSize = 8192;

constexpr std::pair<const char*, std::string TrustFiles::*> kIssuers[] = {
    {kInternalIssuer, &TrustFiles::internal_issuer},
    {kIdevidIssuer, &TrustFiles::idevid_issuer},
    {kLdevidIssuer, &TrustFiles::ldevid_issuer}};

absl::Status Unknown(absl::string_view why, absl::string_view serial) {
  return MakeError(
      absl::StatusCode::kUnauthenticated, reasons::kCertificateUnknown,
      absl::StrCat("the client certificate is not known here: ", why,
                   "; use one that an issuer of this deployment has made for "
                   "the purpose"),
      {{"serial", serial}, {"why", why}});
}

// Explain keeps code, reason and metadata and says what to do about it.
absl::Status Explain(const absl::Status& status) {
  const std::string reason = Reason(status);
  absl::string_view fix;
  if (reason == reasons::kCertificateExpired) {
    fix = "; renew it and check the clocks of both sides";
  } else if (reason == reasons::kCertificateUnknown) {
    fix = "; use one that an issuer of this deployment has made";
  } else if (reason == reasons::kCertificateUsage) {
    fix = "; use one that is made for clients";
  }
  absl::Status explained(
      status.code(),
      absl::StrCat("client certificate: ", status.message(), fix));
  return WithErrorInfo(std::move(explained),
                       GetErrorInfo(status).value_or(ErrorInfo{}));
}

Role ServiceRole(absl::string_view name) {
  for (const Role role :
       {options::v1::ROLE_REGISTRATION, options::v1::ROLE_INVENTORY,
        options::v1::ROLE_STATUS, options::v1::ROLE_GATEWAY,
        options::v1::ROLE_MONITOR, options::v1::ROLE_CA}) {
    if (RoleName(role) == name) {
      return role;
    }
  }
  return options::v1::ROLE_UNSPECIFIED;
}

// RoleOf returns what `issuer_id` may make of `id`, else ROLE_UNSPECIFIED.
Role RoleOf(absl::string_view issuer_id, const x509::SpiffeId& id) {
  if (issuer_id == kLdevidIssuer) {
    return id.kind == x509::SpiffeKind::kDevice ? options::v1::ROLE_DEVICE
                                                : options::v1::ROLE_UNSPECIFIED;
  }
  if (issuer_id != kInternalIssuer) {
    return options::v1::ROLE_UNSPECIFIED;
  }
  switch (id.kind) {
    case x509::SpiffeKind::kService:
      return ServiceRole(id.name);
    case x509::SpiffeKind::kOperator:
      return options::v1::ROLE_OPERATOR;
    case x509::SpiffeKind::kLine:
      return options::v1::ROLE_LINE;
    case x509::SpiffeKind::kEnforcementPoint:
      return options::v1::ROLE_ENFORCEMENT_POINT;
    case x509::SpiffeKind::kDevice:
      return options::v1::ROLE_UNSPECIFIED;
  }
  return options::v1::ROLE_UNSPECIFIED;
}

}  // namespace

struct Authenticator::Trust {
  x509::TrustStore store;
  std::vector<std::string> issuer_ids;  // one for each of the store's issuers
  std::string fingerprint;              // of all the files
};

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::New(
    std::string trust_domain, TrustFiles files, Clock& clock,
    size_t cache_size) {
  BIRTHMARK_RETURN_IF_ERROR(x509::ValidateTrustDomain(trust_domain));
  std::unique_ptr<Authenticator> authenticator(new Authenticator(
      std::move(trust_domain), std::move(files), clock, cache_size));
  BIRTHMARK_RETURN_IF_ERROR(authenticator->Reload());
  return authenticator;
}

Authenticator::Authenticator(std::string trust_domain, TrustFiles files,
                             Clock& clock, size_t cache_size)
    : trust_domain_(std::move(trust_domain)),
      files_(std::move(files)),
      clock_(clock),
      cache_size_(std::max<size_t>(cache_size, 2)) {}

Authenticator::~Authenticator() = default;

// The files as they were read, before any parsing.
struct Authenticator::Pems {
  std::string roots;
  // Issuer id and content of its file.
  std::vector<std::pair<const char*, std::string>> issuers;
  std::string fingerprint;
};

absl::StatusOr<Authenticator::Pems> Authenticator::ReadPems() const {
  Pems pems;
  BIRTHMARK_ASSIGN_OR_RETURN(pems.roots, ReadFile(files_.roots));
  pems.fingerprint = crypto::Sha256(pems.roots);
  for (const auto& [id, path] : kIssuers) {
    BIRTHMARK_ASSIGN_OR_RETURN(std::string pem, ReadFile(files_.*path));
    pems.fingerprint += crypto::Sha256(pem);
    pems.issuers.emplace_back(id, std::move(pem));
  }
  return pems;
}

absl::Status Authenticator::Use(Pems pems) {
  auto parse =
      [](absl::string_view what,
         const std::string& pem) -> absl::StatusOr<std::vector<Certificate>> {
    auto parsed = Certificate::ParsePem(pem);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "trusted certificates, ", what, ": ", parsed.status().message()));
    }
    return parsed;
  };
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<Certificate> roots,
                             parse("roots", pems.roots));
  std::vector<Certificate> issuers;
  std::vector<std::string> issuer_ids;
  for (const auto& [id, pem] : pems.issuers) {
    BIRTHMARK_ASSIGN_OR_RETURN(const auto found, parse(id, pem));
    for (const Certificate& issuer : found) {
      issuers.push_back(issuer);
      issuer_ids.push_back(id);
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      x509::TrustStore store,
      x509::TrustStore::New(std::move(issuers), std::move(roots)));
  auto trust = std::make_shared<Trust>(Trust{
      std::move(store), std::move(issuer_ids), std::move(pems.fingerprint)});
  std::lock_guard<std::mutex> lock(mutex_);
  trust_ = std::move(trust);
  young_.clear();
  old_.clear();
  return absl::OkStatus();
}

absl::Status Authenticator::Reload() {
  BIRTHMARK_ASSIGN_OR_RETURN(Pems pems, ReadPems());
  return Use(std::move(pems));
}

absl::StatusOr<bool> Authenticator::ReloadIfChanged() {
  BIRTHMARK_ASSIGN_OR_RETURN(Pems pems, ReadPems());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (pems.fingerprint == trust_->fingerprint) {
      return false;
    }
  }
  BIRTHMARK_RETURN_IF_ERROR(Use(std::move(pems)));
  return true;
}

const Authenticator::Entry* Authenticator::Find(const std::string& key) {
  auto found = young_.find(key);
  if (found != young_.end()) {
    return &found->second;
  }
  auto aged = old_.find(key);
  if (aged == old_.end()) {
    return nullptr;
  }
  Entry entry = std::move(aged->second);
  old_.erase(aged);
  return Remember(key, std::move(entry));
}

const Authenticator::Entry* Authenticator::Remember(const std::string& key,
                                                    Entry entry) {
  if (young_.size() >= cache_size_ / 2) {
    old_ = std::move(young_);
    young_.clear();
  }
  return &(young_[key] = std::move(entry));
}

absl::StatusOr<Authenticator::Entry> Authenticator::Verify(
    const Trust& trust, absl::string_view leaf_der) const {
  const absl::StatusOr<Certificate> leaf =
      Certificate::Parse(leaf_der, kMaxCertificateSize);
  if (!leaf.ok()) {
    return Unknown("it cannot be parsed", "");
  }
  const std::string& serial = (*leaf)->serial_hex;
  // IEEE 802.1AR lets a birth certificate say nothing about its usage, and
  // the store takes that for any.
  const absl::StatusOr<x509::VerifiedChain> chain = trust.store.Verify(
      *leaf,
      {.at_time = clock_.Now(), .required_eku = x509::oids::kClientAuth});
  if (!chain.ok()) {
    return Explain(chain.status());
  }
  Caller caller;
  caller.issuer_id = trust.issuer_ids[chain->issuer_index];
  caller.serial = serial;
  caller.leaf_der = std::string(leaf_der);

  const std::vector<std::string>& uris = (*leaf)->subject_alt_names.uris;
  if (caller.issuer_id == kIdevidIssuer) {
    if (!uris.empty()) {
      return Unknown(
          "the issuer of birth certificates vouches for no SPIFFE ID", serial);
    }
    caller.role = options::v1::ROLE_DEVICE_BIRTH;
    caller.actor = absl::StrCat("idevid:", serial);
  } else {
    if (uris.size() != 1) {
      return Unknown("it must carry exactly one SPIFFE ID", serial);
    }
    const absl::StatusOr<x509::SpiffeId> id = x509::SpiffeId::Parse(uris[0]);
    if (!id.ok()) {
      return Unknown("its URI is no SPIFFE ID of ours", serial);
    }
    if (id->trust_domain != trust_domain_) {
      return Unknown(absl::StrCat("its trust domain is not ", trust_domain_),
                     serial);
    }
    caller.role = RoleOf(caller.issuer_id, *id);
    if (caller.role == options::v1::ROLE_UNSPECIFIED) {
      return Unknown(absl::StrCat("the issuer ", caller.issuer_id,
                                  " may not vouch for ", uris[0]),
                     serial);
    }
    caller.actor = uris[0];
    caller.fleet = id->fleet;
    caller.name = id->name;
  }
  Entry entry;
  entry.not_before =
      std::max({chain->leaf->not_before, chain->issuer->not_before,
                chain->root->not_before});
  entry.not_after = std::min({chain->leaf->not_after, chain->issuer->not_after,
                              chain->root->not_after});
  entry.caller = std::make_shared<const Caller>(std::move(caller));
  return entry;
}

absl::StatusOr<std::shared_ptr<const Caller>> Authenticator::Authenticate(
    absl::string_view leaf_der) {
  if (leaf_der.empty()) {
    return MakeError(absl::StatusCode::kUnauthenticated,
                     reasons::kCertificateMissing,
                     "no client certificate was presented; give certificate "
                     "and key to the client");
  }
  const std::string key = crypto::Sha256(leaf_der);
  const absl::Time now = clock_.Now();
  std::shared_ptr<const Trust> trust;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const Entry* entry = Find(key);
    if (entry != nullptr && now >= entry->not_before &&
        now <= entry->not_after) {
      return entry->caller;
    }
    trust = trust_;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(Entry entry, Verify(*trust, leaf_der));
  std::shared_ptr<const Caller> caller = entry.caller;
  std::lock_guard<std::mutex> lock(mutex_);
  if (trust == trust_) {  // not replaced meanwhile
    Remember(key, std::move(entry));
  }
  return caller;
}

}  // namespace birthmark::rpc
