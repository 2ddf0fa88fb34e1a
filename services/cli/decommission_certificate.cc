#include "services/cli/decommission_certificate.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/json_object.h"
#include "lib/base/status_macros.h"
#include "lib/x509/certificate.h"
#include "lib/x509/jws.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr char kType[] = "birthmark/decommission-certificate";
constexpr int kVersion = 1;
// By how much clocks differ.
constexpr absl::Duration kSkew = absl::Minutes(5);

absl::Status Malformed(absl::string_view path, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
                   absl::StrCat(path, ": ", OneLine(what)),
                   {{"path", std::string(path)}});
}

absl::Status NotVerified(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reasons::kNotVerified,
                   absl::StrCat("DO NOT TRUST IT: ", OneLine(why)),
                   {{"why", OneLine(why)}});
}

absl::StatusOr<std::vector<x509::Certificate>> RootsIn(absl::string_view pem,
                                                       absl::string_view path) {
  auto certificates = x509::Certificate::ParsePem(pem);
  if (!certificates.ok()) {
    return Malformed(path, certificates.status().message());
  }
  std::vector<x509::Certificate> roots;
  for (x509::Certificate& certificate : *certificates) {
    if (x509::VerifyRoot(certificate).ok()) {
      roots.push_back(std::move(certificate));
    }
  }
  if (roots.empty()) {
    return Malformed(path, "no root is among these certificates");
  }
  return roots;
}

// What is signed must be what it is taken for.
absl::StatusOr<nlohmann::json> FactsIn(const std::string& payload,
                                       absl::string_view path) {
  absl::StatusOr<nlohmann::json> facts = ParseJsonObject(payload);
  if (!facts.ok()) {
    return Malformed(path, facts.status().message());
  }
  const auto type = facts->find("type");
  const auto version = facts->find("version");
  if (type == facts->end() || *type != kType) {
    return Malformed(path, "it is signed, but no certificate of decommission");
  }
  if (version == facts->end() || *version != kVersion) {
    return Malformed(path, "its version is not known to this program");
  }
  return facts;
}

absl::StatusOr<absl::Time> IssueTime(const nlohmann::json& facts,
                                     absl::string_view path) {
  const auto found = facts.find("issued_time");
  absl::Time time;
  if (found == facts.end() || !found->is_string() ||
      !absl::ParseTime(absl::RFC3339_full, found->get<std::string>(), &time,
                       nullptr)) {
    return Malformed(path, "it does not say when it was issued");
  }
  return time;
}

}  // namespace

absl::StatusOr<VerifiedDecommission> VerifyDecommission(
    absl::string_view jws, absl::string_view jws_path,
    absl::string_view bundle_pem, absl::string_view bundle_path,
    absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> roots,
                             RootsIn(bundle_pem, bundle_path));
  const absl::StatusOr<x509::Jws> parsed =
      x509::Jws::Parse(absl::StripAsciiWhitespace(jws));
  if (!parsed.ok()) {
    return Malformed(jws_path, parsed.status().message());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(nlohmann::json facts,
                             FactsIn(parsed->payload(), jws_path));
  BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time issue_time,
                             IssueTime(facts, jws_path));
  if (issue_time > now + kSkew) {
    return NotVerified("it claims to be signed in the future");
  }
  absl::StatusOr<x509::VerifiedChain> chain =
      parsed->VerifyWithBundle(roots, issue_time);
  if (!chain.ok()) {
    return NotVerified(chain.status().message());
  }
  return VerifiedDecommission{std::move(facts), issue_time, *std::move(chain)};
}

}  // namespace birthmark::cli
