#include "lib/policy/subject.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/policy/device_fields.h"
#include "lib/x509/hw_module_name.h"
#include "lib/x509/oid.h"
#include "lib/x509/spiffe.h"

namespace birthmark::policy {
namespace {

constexpr size_t kMaxDnsNames = 16;
constexpr size_t kMaxDnsName = 253;
constexpr size_t kMaxDnsLabel = 63;

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

absl::Status CheckId(absl::string_view field, absl::string_view value) {
  return IsResourceId(value) ? absl::OkStatus()
                             : Invalid(field, "must match [a-z0-9-]{1,63}");
}

absl::Status CheckUid(absl::string_view uid) {
  return IsUid(uid) ? absl::OkStatus()
                    : Invalid("device.uid", "must be a UUIDv7 in lower case");
}

bool IsDnsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= kMaxDnsLabel &&
         label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

// The preferred name syntax of RFC 1034 3.5, in lower case, no wildcards.
bool IsDnsName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxDnsName) {
    return false;
  }
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  return std::all_of(labels.begin(), labels.end(), IsDnsLabel);
}

absl::Status CheckDnsNames(const std::vector<std::string>& names) {
  if (names.size() > kMaxDnsNames) {
    return Invalid("service.dns_names", absl::StrCat("at most ", kMaxDnsNames));
  }
  for (const std::string& name : names) {
    if (!IsDnsName(name)) {
      return Invalid("service.dns_names", "not a DNS name in lower case");
    }
  }
  return absl::OkStatus();
}

// NameWriter writes the names of one subject, by its type.
class NameWriter {
 public:
  NameWriter(const Profile& profile, absl::string_view trust_domain)
      : profile_(profile), trust_domain_(trust_domain) {}

  absl::StatusOr<SubjectNames> operator()(std::monostate) const {
    return Invalid("subject", "is required");
  }

  absl::StatusOr<SubjectNames> operator()(const DeviceSubject& device) const {
    switch (profile_.kind) {
      case ProfileKind::kIdevid:
        return Idevid(device);
      case ProfileKind::kLdevid:
        return Ldevid(device);
      default:
        return WrongKind("device");
    }
  }

  absl::StatusOr<SubjectNames> operator()(const LineSubject& line) const {
    if (profile_.kind != ProfileKind::kLine) {
      return WrongKind("line");
    }
    BIRTHMARK_RETURN_IF_ERROR(CheckId("line.fleet", line.fleet));
    BIRTHMARK_RETURN_IF_ERROR(CheckId("line.line", line.line));
    return Named(x509::SpiffeKind::kLine, line.fleet, line.line);
  }

  absl::StatusOr<SubjectNames> operator()(const OperatorSubject& op) const {
    if (profile_.kind != ProfileKind::kOperator) {
      return WrongKind("operator");
    }
    BIRTHMARK_RETURN_IF_ERROR(CheckId("operator.operator", op.name));
    return Named(x509::SpiffeKind::kOperator, "", op.name);
  }

  absl::StatusOr<SubjectNames> operator()(const ServiceSubject& service) const {
    if (profile_.kind != ProfileKind::kService) {
      return WrongKind("service");
    }
    BIRTHMARK_RETURN_IF_ERROR(CheckId("service.service", service.service));
    BIRTHMARK_RETURN_IF_ERROR(CheckDnsNames(service.dns_names));
    BIRTHMARK_ASSIGN_OR_RETURN(
        SubjectNames names,
        Named(x509::SpiffeKind::kService, "", service.service));
    names.alt_names.dns_names = service.dns_names;
    return names;
  }

  absl::StatusOr<SubjectNames> operator()(
      const EnforcementPointSubject& point) const {
    if (profile_.kind != ProfileKind::kEnforcementPoint) {
      return WrongKind("enforcement point");
    }
    BIRTHMARK_RETURN_IF_ERROR(CheckId("enforcement_point.name", point.name));
    return Named(x509::SpiffeKind::kEnforcementPoint, "", point.name);
  }

  absl::StatusOr<SubjectNames> operator()(const OcspResponderSubject&) const {
    if (profile_.kind != ProfileKind::kOcspResponder) {
      return WrongKind("OCSP responder");
    }
    SubjectNames names;
    names.name.CommonName(OcspResponderName(profile_.issuer));
    return names;
  }

  absl::StatusOr<SubjectNames> operator()(const RecordSignerSubject&) const {
    if (profile_.kind != ProfileKind::kRecordSigner) {
      return WrongKind("signer of records");
    }
    SubjectNames names;
    names.name.CommonName(RecordSignerName(profile_.issuer));
    return names;
  }

 private:
  absl::StatusOr<SubjectNames> Idevid(const DeviceSubject& device) const {
    BIRTHMARK_RETURN_IF_ERROR(CheckUid(device.uid));
    BIRTHMARK_RETURN_IF_ERROR(CheckId("device.fleet", device.fleet));
    BIRTHMARK_RETURN_IF_ERROR(CheckModel(device.model, "device.model"));
    BIRTHMARK_RETURN_IF_ERROR(
        CheckSerialNumber(device.serial_number, "device.serial_number"));
    SubjectNames names;
    AddOrganization(names.name);
    names.name.CommonName(device.model).SerialNumber(device.serial_number);
    if (!profile_.hardware_type_oid.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(
          x509::Oid type, x509::Oid::FromText(profile_.hardware_type_oid));
      names.alt_names.hw_module_name =
          x509::HardwareModuleName{std::move(type), device.serial_number};
    }
    return names;
  }

  absl::StatusOr<SubjectNames> Ldevid(const DeviceSubject& device) const {
    BIRTHMARK_RETURN_IF_ERROR(CheckUid(device.uid));
    BIRTHMARK_RETURN_IF_ERROR(CheckId("device.fleet", device.fleet));
    return Named(x509::SpiffeKind::kDevice, device.fleet, device.uid);
  }

  absl::StatusOr<SubjectNames> Named(x509::SpiffeKind kind,
                                     const std::string& fleet,
                                     const std::string& name) const {
    SubjectNames names;
    if (kind != x509::SpiffeKind::kDevice) {
      AddOrganization(names.name);
    }
    names.name.CommonName(name);
    BIRTHMARK_ASSIGN_OR_RETURN(
        std::string uri,
        (x509::SpiffeId{std::string(trust_domain_), kind, fleet, name})
            .ToUri());
    names.alt_names.uris.push_back(std::move(uri));
    return names;
  }

  void AddOrganization(x509::DistinguishedName& name) const {
    if (!profile_.organization.empty()) {
      name.Organization(profile_.organization);
    }
  }

  absl::Status WrongKind(absl::string_view what) const {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kProfileViolation,
        absl::StrCat("profile ", profile_.id, " of kind ",
                     ProfileKindName(profile_.kind), " is not for a ", what),
        {{"rule", "subject_kind"}});
  }

  const Profile& profile_;
  const absl::string_view trust_domain_;
};

}  // namespace

absl::StatusOr<SubjectNames> NamesFor(const Profile& profile,
                                      absl::string_view trust_domain,
                                      const Subject& subject) {
  return std::visit(NameWriter(profile, trust_domain), subject);
}

}  // namespace birthmark::policy
