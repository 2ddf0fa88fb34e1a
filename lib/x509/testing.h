// testing makes keys, certificates and spoiled DER for the tests of lib/x509
// and for its fuzz seeds. Everything here ends the process when it fails.
#ifndef BIRTHMARK_LIB_X509_TESTING_H_
#define BIRTHMARK_LIB_X509_TESTING_H_

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/public_key.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/csr.h"

namespace birthmark::x509 {

// TestKey is a private key that was generated when the test asked for it.
class TestKey {
 public:
  explicit TestKey(crypto::KeyAlgorithm algorithm);

  // Shared returns one key of `algorithm` for the whole process: generating an
  // RSA key takes long.
  static const TestKey& Shared(crypto::KeyAlgorithm algorithm);

  const crypto::PublicKey& public_key() const { return *public_key_; }
  std::string spki_der() const { return std::string(public_key_->spki_der()); }
  crypto::SignatureAlgorithm algorithm() const;
  std::string Sign(absl::string_view message) const;
  SignFunction SignFunctionOf() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
  std::optional<crypto::PublicKey> public_key_;
};

// The moment at which test certificates are good: 2026-01-01T00:00:00Z.
absl::Time TestTime();

// TestSerial returns 16 octets that end in `number`.
std::string TestSerial(int number);

// Issue builds, signs and parses a certificate.
Certificate Issue(const CertificateTemplateSpec& spec,
                  const CertificateVariables& vars, const TestKey& key);

// TestCa is a root (P-384) and an issuer (P-256) below it.
struct TestCa {
  TestKey root_key;
  TestKey issuer_key;
  std::optional<Certificate> root;
  std::optional<Certificate> issuer;

  // `name` tells several apart; it stands in both subjects.
  explicit TestCa(absl::string_view name = "Test");

  // RootSpec and IssuerSpec are what root and issuer were made of.
  CertificateTemplateSpec RootSpec() const;
  CertificateTemplateSpec IssuerSpec() const;
  CertificateVariables RootVariables() const;
  CertificateVariables IssuerVariables() const;
  // LeafSpec is what a client certificate from the issuer is made of.
  CertificateTemplateSpec LeafSpec() const;

  std::string name;
};

// IdevidVariables and LdevidVariables are those of good certificates for
// `spki_der`, which must outlive them.
CertificateVariables IdevidVariables(absl::string_view spki_der);
CertificateVariables LdevidVariables(absl::string_view spki_der);
// OcspResponderVariables are those of an OCSP responder's; its template says
// what it is for.
CertificateVariables OcspResponderVariables(absl::string_view spki_der);

// DerNode is DER taken apart, so that a test can spoil one thing and put it
// together again with lengths that fit.
struct DerNode {
  unsigned tag = 0;     // CBS_ASN1_TAG
  std::string content;  // if it has no children
  std::vector<DerNode> children;
  bool constructed = false;
  // Stands in place of the whole encoding if it is set.
  std::optional<std::string> raw;

  static DerNode Parse(absl::string_view der);
  std::string Encode() const;
  // At walks down by indexes.
  DerNode& At(std::initializer_list<size_t> path);
};

// FindExtension returns the Extension with `oid` among `extensions`, a
// SEQUENCE OF Extension.
DerNode& FindExtension(DerNode& extensions, absl::string_view oid);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_TESTING_H_
