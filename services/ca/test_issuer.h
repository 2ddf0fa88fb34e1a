// TestHierarchy makes a root and issuers below it, with fresh keys.

#ifndef BIRTHMARK_SERVICES_CA_TEST_ISSUER_H_
#define BIRTHMARK_SERVICES_CA_TEST_ISSUER_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/keys/fake_signer.h"
#include "lib/x509/certificate.h"
#include "services/ca/issuer.h"

namespace birthmark::ca {

inline constexpr char kTestTrustDomain[] = "birthmark.example";

class TestHierarchy {
 public:
  // `clock` must outlive it. Failures end the process.
  explicit TestHierarchy(Clock& clock);

  // Certify returns the certificate of an issuer with `key`, and its chain.
  std::vector<x509::Certificate> Certify(const std::string& id,
                                         const keys::Signer& key) const;

  // MakeIssuer makes an issuer with a fresh key; `signer`, if given, is set to
  // it and lives as long as the issuer.
  std::unique_ptr<Issuer> MakeIssuer(const std::string& id,
                                     const std::string& crl_base_url,
                                     keys::FakeSigner** signer = nullptr,
                                     bool deltas = false) const;

  const x509::Certificate& root() const { return *root_; }

  // Serial returns a fresh serial, 16 octets.
  std::string Serial() const;

 private:
  x509::Certificate Sign(const std::string& common_name,
                         const keys::Signer& subject_key, bool is_root) const;

  Clock& clock_;
  mutable crypto::RandomSerialSource serials_;
  std::unique_ptr<keys::FakeSigner> root_key_;
  std::unique_ptr<x509::Certificate> root_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_TEST_ISSUER_H_
