// ForgeIdentity makes operator identities that must not be let in: each lacks
// one thing that an honest one has.
#ifndef BIRTHMARK_TESTS_SUPPORT_FORGED_IDENTITY_H_
#define BIRTHMARK_TESTS_SUPPORT_FORGED_IDENTITY_H_

#include <string>

#include "absl/time/time.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {

enum class ForgedIssuer {
  kInternal,  // the deployment's own internal issuer: its key is on this disk
  kStranger,  // an issuer of the same name with another key
};

struct Forgery {
  ForgedIssuer issuer = ForgedIssuer::kInternal;
  absl::Time not_after = absl::InfiniteFuture();  // default: in a day
};

// Returns the identity folder. The certificate is recorded nowhere.
std::string ForgeIdentity(const Deployment& deployment, const std::string& name,
                          const Forgery& forgery);

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_FORGED_IDENTITY_H_
