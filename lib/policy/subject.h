// Subject is who gets a certificate; NamesFor writes it the way the profile's
// kind demands. Pure functions.
//
//   kind      subject                                subjectAltName
//   idevid    O, CN = model, serialNumber            hwModuleName
//   ldevid    CN = uid                               .../fleet/<f>/device/<uid>
//   service   O, CN = service                        .../service/<s>, DNS names
//   line      O, CN = line                           .../fleet/<f>/line/<l>
//   operator  O, CN = operator                       .../operator/<o>
//   enforcement-point
//             O, CN = name                           .../enforcement-point/<n>
//   ocsp-responder
//             CN = OCSP responder of <issuer>        none
//   record-signer
//             CN = Record signer of <issuer>         none
//
// O and hwModuleName only if the profile has them. An IDevID follows IEEE
// 802.1AR 8.6: the manufacturer's serial number is the serialNumber attribute;
// it carries no SPIFFE ID, for it outlives every fleet. An LDevID says nothing
// of the hardware: who sees it learns an opaque uid.

#ifndef BIRTHMARK_LIB_POLICY_SUBJECT_H_
#define BIRTHMARK_LIB_POLICY_SUBJECT_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/policy/profile.h"
#include "lib/x509/general_names.h"
#include "lib/x509/name.h"

namespace birthmark::policy {

// DeviceSubject is for profiles of kind idevid and ldevid.
struct DeviceSubject {
  std::string uid;
  std::string fleet;
  std::string model;          // idevid only
  std::string serial_number;  // idevid only
};

struct LineSubject {
  std::string fleet;
  std::string line;
};

struct OperatorSubject {
  std::string name;
};

struct ServiceSubject {
  std::string service;                 // role, e.g. `registration`
  std::vector<std::string> dns_names;  // of its server certificate
};

struct EnforcementPointSubject {
  std::string name;
};

// The responder is that of the profile's issuer.
struct OcspResponderSubject {};

// The signer of records is that of the deployment.
struct RecordSignerSubject {};

// std::monostate: none was given, which every profile refuses.
using Subject =
    std::variant<std::monostate, DeviceSubject, LineSubject, OperatorSubject,
                 ServiceSubject, EnforcementPointSubject, OcspResponderSubject,
                 RecordSignerSubject>;

struct SubjectNames {
  x509::DistinguishedName name;
  x509::SubjectAltNames alt_names;
};

// NamesFor checks that `subject` is what the profile's kind is for, checks its
// fields, and writes its names. kInvalidArgument / INVALID_FIELD, metadata
// field; kFailedPrecondition / PROFILE_VIOLATION, metadata rule
// `subject_kind`.
absl::StatusOr<SubjectNames> NamesFor(const Profile& profile,
                                      absl::string_view trust_domain,
                                      const Subject& subject);

}  // namespace birthmark::policy

#endif  // BIRTHMARK_LIB_POLICY_SUBJECT_H_
