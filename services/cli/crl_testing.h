// crl_testing makes CRLs for tests.

#ifndef BIRTHMARK_SERVICES_CLI_CRL_TESTING_H_
#define BIRTHMARK_SERVICES_CLI_CRL_TESTING_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "lib/x509/testing.h"
#include "services/cli/crl_set.h"

namespace birthmark::cli {

// TestCrl is what a CRL is to be like; all of it may be changed.
struct TestCrl {
  std::string issuer = "idevid";
  int shard = 0;
  uint64_t number = 1;
  absl::Time this_update = x509::TestTime();
  absl::Duration lifetime = absl::Hours(24);
  int entries = 0;
  bool delta = false;
  bool partitioned = true;  // with a distribution point
};

// MakeCrl returns the CRL, signed by the issuer of `ca`.
std::string MakeCrl(const x509::TestCa& ca, const TestCrl& crl);

// MakeCrlSet trusts the issuer of `ca`.
CrlSet MakeCrlSet(const x509::TestCa& ca);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CRL_TESTING_H_
