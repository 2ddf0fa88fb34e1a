#include "lib/rpc/caller.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace birthmark::rpc {

std::string RoleName(options::v1::Role role) {
  absl::string_view name = options::v1::Role_Name(role);
  absl::ConsumePrefix(&name, "ROLE_");
  return absl::AsciiStrToLower(name);
}

Caller ServiceCaller(options::v1::Role role, const std::string& trust_domain) {
  Caller caller;
  caller.role = role;
  caller.name = RoleName(role);
  caller.actor =
      absl::StrCat("spiffe://", trust_domain, "/service/", caller.name);
  return caller;
}

}  // namespace birthmark::rpc
