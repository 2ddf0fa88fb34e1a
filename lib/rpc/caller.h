// Caller is who makes a call, as its client certificate proves it.

#ifndef BIRTHMARK_LIB_RPC_CALLER_H_
#define BIRTHMARK_LIB_RPC_CALLER_H_

#include <string>

#include "birthmark/options/v1/access.pb.h"

namespace birthmark::rpc {

// Caller is a value type. What it may do in which fleet is for the service to
// say; the router has checked the role alone.
struct Caller {
  options::v1::Role role = options::v1::ROLE_UNSPECIFIED;
  // The actor of events and audit entries: the SPIFFE ID, or `idevid:<serial>`
  // for a birth certificate, which has none.
  std::string actor;
  // Of a line or a device; empty otherwise, and for birth certificates.
  std::string fleet;
  // Service role, operator, line, or device uid; empty for birth certificates.
  std::string name;
  // The issuer that vouches for it: `internal`, `idevid` or `ldevid`.
  std::string issuer_id;
  // The certificate's serial number in API form: lower-case hex, 32 digits.
  std::string serial;
  // The certificate.
  std::string leaf_der;
};

// RoleName returns the role as it stands in texts: `ROLE_LINE` is "line".
std::string RoleName(options::v1::Role role);

// ServiceCaller returns the caller that the service `role` is when it calls
// another one inside its own process, where no certificate is shown.
Caller ServiceCaller(options::v1::Role role, const std::string& trust_domain);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_CALLER_H_
