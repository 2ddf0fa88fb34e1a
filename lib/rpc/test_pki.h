// test_pki makes a small deployment's certificates for tests: a root, the three
// issuers, and leaves of any kind, as files. Keys are generated when the test
// runs. What fails ends the process.

#ifndef BIRTHMARK_LIB_RPC_TEST_PKI_H_
#define BIRTHMARK_LIB_RPC_TEST_PKI_H_

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/keys/local_key.h"
#include "lib/rpc/authenticator.h"
#include "lib/rpc/identity.h"
#include "lib/x509/certificate.h"

namespace birthmark::rpc {

// TestPki is for one thread. The clock must outlive it.
class TestPki {
 public:
  // The SPIFFE trust domain of what the tests issue.
  static constexpr char kTrustDomain[] = "test.example";

  // `directory` must exist; files are made in it.
  explicit TestPki(std::string directory, Clock& clock = Clock::Real());

  // trust names the files of roots and issuers.
  TrustFiles trust() const;

  struct LeafSpec {
    std::string issuer = kInternalIssuer;
    std::string uri;  // empty: no SPIFFE ID
    std::string dns;  // not empty: for servers too
    absl::Duration begin = -absl::Hours(1);
    absl::Duration end = absl::Hours(1);
    bool for_clients = true;
  };

  struct Leaf {
    std::string der;
    std::string serial;  // hex
    IdentityFiles files;
  };

  // Issue makes a key and a certificate in files called after `name`; files
  // that are there already are replaced.
  Leaf Issue(const std::string& name, const LeafSpec& spec);

  // Service, Operator, Line, Device and Birth are Issue for the usual ones.
  Leaf Service(const std::string& role);  // DNS name: the role
  Leaf Operator(const std::string& name);
  Leaf Line(const std::string& fleet, const std::string& line);
  Leaf Device(const std::string& fleet, const std::string& uid);
  Leaf Birth();

 private:
  struct Authority {
    std::unique_ptr<keys::LocalKey> key;
    std::unique_ptr<x509::Certificate> certificate;
  };

  void AddAuthority(const std::string& name, const std::string& parent);
  std::string Path(const std::string& name) const;

  const std::string directory_;
  Clock& clock_;
  std::map<std::string, Authority> authorities_;
};

// MakeTestDirectory returns a new private folder with a short path, as sockets
// need one. It is removed when the process ends.
std::string MakeTestDirectory();

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_TEST_PKI_H_
