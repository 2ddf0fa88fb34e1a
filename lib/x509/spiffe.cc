#include "lib/x509/spiffe.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

constexpr absl::string_view kScheme = "spiffe://";
constexpr size_t kMaxUri = 2048;
constexpr size_t kMaxTrustDomain = 255;

absl::Status Invalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   reasons::kSpiffeIdInvalid,
                   absl::StrCat("not a SPIFFE ID of this system: ", what));
}

bool IsTrustDomainChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

// SPIFFE-ID 2.2: letters, digits, '.', '-' and '_', and no "." or "..".
bool IsSegment(absl::string_view segment) {
  if (segment.empty() || segment == "." || segment == "..") {
    return false;
  }
  for (const char c : segment) {
    if (!IsTrustDomainChar(c) && !(c >= 'A' && c <= 'Z')) {
      return false;
    }
  }
  return true;
}

absl::string_view KindSegment(SpiffeKind kind) {
  switch (kind) {
    case SpiffeKind::kService:
      return "service";
    case SpiffeKind::kOperator:
      return "operator";
    case SpiffeKind::kLine:
      return "line";
    case SpiffeKind::kDevice:
      return "device";
    case SpiffeKind::kEnforcementPoint:
      return "enforcement-point";
  }
  return "";
}

bool HasFleet(SpiffeKind kind) {
  return kind == SpiffeKind::kLine || kind == SpiffeKind::kDevice;
}

}  // namespace

absl::Status ValidateTrustDomain(absl::string_view name) {
  if (name.empty() || name.size() > kMaxTrustDomain) {
    return Invalid("a trust domain has 1 to 255 characters");
  }
  for (const char c : name) {
    if (!IsTrustDomainChar(c)) {
      return Invalid("a trust domain is made of a-z 0-9 . - _");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SpiffeId> SpiffeId::Parse(absl::string_view uri) {
  if (uri.size() > kMaxUri) {
    return Invalid("longer than 2048 octets");
  }
  if (!absl::StartsWith(uri, kScheme)) {
    return Invalid("it does not start with spiffe://");
  }
  const std::vector<absl::string_view> parts =
      absl::StrSplit(uri.substr(kScheme.size()), '/');
  BIRTHMARK_RETURN_IF_ERROR(ValidateTrustDomain(parts.front()));
  for (size_t i = 1; i < parts.size(); ++i) {
    if (!IsSegment(parts[i])) {
      return Invalid("a path segment is empty or has foreign characters");
    }
  }

  SpiffeId id;
  id.trust_domain = std::string(parts.front());
  if (parts.size() == 3 && parts[1] == "service") {
    id.kind = SpiffeKind::kService;
  } else if (parts.size() == 3 && parts[1] == "operator") {
    id.kind = SpiffeKind::kOperator;
  } else if (parts.size() == 3 && parts[1] == "enforcement-point") {
    id.kind = SpiffeKind::kEnforcementPoint;
  } else if (parts.size() == 5 && parts[1] == "fleet" && parts[3] == "line") {
    id.kind = SpiffeKind::kLine;
  } else if (parts.size() == 5 && parts[1] == "fleet" && parts[3] == "device") {
    id.kind = SpiffeKind::kDevice;
  } else {
    return Invalid("its path is of no known kind");
  }
  if (HasFleet(id.kind)) {
    id.fleet = std::string(parts[2]);
  }
  id.name = std::string(parts.back());
  return id;
}

absl::StatusOr<std::string> SpiffeId::ToUri() const {
  BIRTHMARK_RETURN_IF_ERROR(ValidateTrustDomain(trust_domain));
  if (!IsSegment(name)) {
    return Invalid("the name has foreign characters");
  }
  std::string uri = absl::StrCat(kScheme, trust_domain);
  if (HasFleet(kind)) {
    if (!IsSegment(fleet)) {
      return Invalid("the fleet has foreign characters");
    }
    absl::StrAppend(&uri, "/fleet/", fleet);
  } else if (!fleet.empty()) {
    return Invalid("only a line or a device has a fleet");
  }
  absl::StrAppend(&uri, "/", KindSegment(kind), "/", name);
  if (uri.size() > kMaxUri) {
    return Invalid("longer than 2048 octets");
  }
  return uri;
}

}  // namespace birthmark::x509
