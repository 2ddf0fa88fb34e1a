#include "services/cli/crl_set.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/x509/chain.h"
#include "lib/x509/pem.h"
#include "lib/x509/reasons.h"
#include "services/cli/error_report.h"
#include "services/cli/output.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

// Clocks of machines differ.
constexpr absl::Duration kSkew = absl::Minutes(5);
constexpr size_t kFileLimit = size_t{1} << 30;

absl::Status NotCurrent(const CrlName& name, absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kCrlNotCurrent,
                   absl::StrCat("the CRL ", CrlNameText(name), " ", text),
                   {{"resource", CrlNameText(name)}});
}

// CRLs without a distribution point are about all of their issuer.
bool IsForShard(const x509::Crl& crl, const CrlName& name) {
  const std::string end =
      absl::StrCat("/", name.first, "/", name.second, ".crl");
  const auto& uris = crl->shard_uris;
  return uris.empty() ||
         std::any_of(uris.begin(), uris.end(), [&](const std::string& uri) {
           return absl::EndsWith(uri, end);
         });
}

}  // namespace

std::string CrlNameText(const CrlName& name) {
  return absl::StrCat("issuers/", name.first, "/crls/", name.second);
}

absl::StatusOr<CrlSet> CrlSet::New(absl::string_view issuers_pem,
                                   absl::string_view roots_pem) {
  const auto malformed = [](absl::string_view text) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kInputMalformed, text);
  };
  const auto roots = x509::Certificate::ParsePem(roots_pem);
  if (!roots.ok()) {
    return malformed("the roots are no certificates");
  }
  auto given = x509::Certificate::ParsePem(issuers_pem);
  if (!given.ok()) {
    return malformed("the issuers are no certificates");
  }
  std::vector<x509::Certificate> issuers;
  for (x509::Certificate& certificate : *given) {
    const bool is_root = std::any_of(
        roots->begin(), roots->end(), [&](const x509::Certificate& root) {
          return root.fields().der == certificate.fields().der;
        });
    if (!is_root) {
      issuers.push_back(std::move(certificate));
    }
  }
  if (issuers.empty()) {
    return malformed("there is no issuer's certificate, only roots");
  }
  const auto trusted = x509::TrustStore::New(std::move(issuers), *roots);
  if (!trusted.ok()) {
    return malformed(
        absl::StrCat("an issuer's certificate does not chain to the roots: ",
                     trusted.status().message()));
  }
  return CrlSet(trusted->issuers());
}

absl::Status CrlSet::CheckSignature(const x509::Crl& crl) const {
  absl::Status status =
      MakeError(absl::StatusCode::kUnauthenticated,
                birthmark::reasons::kCrlSignatureInvalid,
                "no trusted issuer has the name and key of the CRL's");
  for (const x509::Certificate& issuer : issuers_) {
    const x509::CertificateFields& fields = issuer.fields();
    if (fields.subject_der == crl->issuer_der &&
        fields.subject_key_id == crl->authority_key_id) {
      status = crl.VerifySignatureBy(issuer.public_key());
      if (status.ok()) {
        break;
      }
    }
  }
  return status;
}

bool CrlSet::HasOtherShards(const CrlName& name) const {
  return name.second > 0 ||
         std::any_of(crls_.begin(), crls_.end(), [&](const auto& other) {
           return other.first.first == name.first && other.first != name;
         });
}

absl::StatusOr<bool> CrlSet::Put(const CrlName& name, absl::string_view der,
                                 absl::Time now) {
  const auto old = crls_.find(name);
  if (old != crls_.end() && old->second->der == der) {
    return false;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Crl crl, x509::Crl::Parse(der));
  if (crl.is_delta()) {
    return NotCurrent(name, "is a delta");
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckSignature(crl));
  if (!IsForShard(crl, name)) {
    return NotCurrent(name, "is another shard's");
  }
  if (crl->shard_uris.empty() && HasOtherShards(name)) {
    return NotCurrent(
        name,
        "claims all certificates of its issuer, which has several "
        "shards: a verifier would believe the wrong one; set "
        "crl_base_url");
  }
  if (crl->next_update <= now) {
    return NotCurrent(
        name, absl::StrCat("has run out at ", TimeText(crl->next_update)));
  }
  if (crl->this_update > now + kSkew) {
    return NotCurrent(
        name, absl::StrCat("is of the future: ", TimeText(crl->this_update),
                           ", by the clock of this machine"));
  }
  if (old != crls_.end() && (crl->number < old->second->number ||
                             crl->this_update < old->second->this_update)) {
    return NotCurrent(name, "is older than the one before");
  }
  crls_.insert_or_assign(name, crl);
  return true;
}

void CrlSet::Load(absl::string_view pem, absl::Time now) {
  const auto ders = x509::PemDecodeAll(pem, x509::kPemCrl, kFileLimit);
  if (!ders.ok()) {
    return;
  }
  for (const std::string& der : *ders) {
    const auto crl = x509::Crl::Parse(der);
    if (!crl.ok() || (*crl)->shard_uris.empty()) {
      continue;
    }
    // ".../idevid/0.crl"
    const std::vector<absl::string_view> parts =
        absl::StrSplit(absl::StripSuffix((*crl)->shard_uris[0], ".crl"), '/');
    CrlName name;
    if (parts.size() >= 2 && absl::SimpleAtoi(parts.back(), &name.second)) {
      name.first = std::string(parts[parts.size() - 2]);
      (void)Put(name, der, now);
    }
  }
}

bool CrlSet::Keep(const std::string& issuer, const std::set<int>& shards) {
  const size_t before = crls_.size();
  for (auto it = crls_.begin(); it != crls_.end();) {
    const bool gone =
        it->first.first == issuer && shards.count(it->first.second) == 0;
    it = gone ? crls_.erase(it) : std::next(it);
  }
  return crls_.size() != before;
}

absl::Time CrlSet::DueAt(const CrlName& name) const {
  const auto found = crls_.find(name);
  if (found == crls_.end()) {
    return absl::InfinitePast();
  }
  const x509::CrlFields& crl = found->second.fields();
  return crl.this_update + (crl.next_update - crl.this_update) / 2;
}

std::optional<CrlSet::Earliest> CrlSet::earliest() const {
  std::optional<Earliest> earliest;
  for (const auto& [name, crl] : crls_) {
    if (!earliest.has_value() || crl->next_update < earliest->next_update) {
      earliest = Earliest{name, crl->next_update};
    }
  }
  return earliest;
}

std::string CrlSet::Pem() const {
  std::string pem;
  for (const auto& [name, crl] : crls_) {
    pem.append(crl.ToPem());
  }
  return pem;
}

absl::StatusOr<CrlFileState> ReadCrlFile(const std::string& path) {
  const auto malformed = [&path](absl::string_view text) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kInputMalformed, absl::StrCat(path, ": ", text),
                     {{"path", path}});
  };
  const absl::StatusOr<std::string> pem = ReadFile(path, kFileLimit);
  if (!pem.ok()) {
    return FileError(pem.status(), path);
  }
  const auto blocks = x509::PemDecodeAll(*pem, x509::kPemCrl, kFileLimit);
  if (!blocks.ok() || blocks->empty()) {
    return malformed("it holds no CRL");
  }
  CrlFileState state;
  for (const std::string& der : *blocks) {
    const auto crl = x509::Crl::Parse(der);
    if (!crl.ok()) {
      return malformed(crl.status().message());
    }
    ++state.crls;
    state.next_update = std::min(state.next_update, (*crl)->next_update);
  }
  return state;
}

}  // namespace birthmark::cli
