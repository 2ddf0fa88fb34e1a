// lint_testing is what the tests of the linter share: good to-be-signed bytes
// of every kind, and ways to spoil one thing in them.
#ifndef BIRTHMARK_LIB_X509_LINT_TESTING_H_
#define BIRTHMARK_LIB_X509_LINT_TESTING_H_

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/base/bytes.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/lint.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {

inline const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

inline const std::string& Spki() {
  static const std::string* spki =
      new std::string(TestKey::Shared(crypto::KeyAlgorithm::kP256).spki_der());
  return *spki;
}

inline CertificateVariables WithUri(absl::string_view uri) {
  CertificateVariables vars = LdevidVariables(Spki());
  vars.subject_alt_names.uris = {std::string(uri)};
  return vars;
}

// GoodTbs returns what has no finding.
inline std::string GoodTbs(LintKind kind) {
  CertificateTemplateSpec spec = Ca().LeafSpec();
  CertificateVariables vars;
  switch (kind) {
    case LintKind::kRoot:
      spec = Ca().RootSpec();
      vars = Ca().RootVariables();
      break;
    case LintKind::kIssuer:
      spec = Ca().IssuerSpec();
      vars = Ca().IssuerVariables();
      break;
    case LintKind::kIdevid:
      vars = IdevidVariables(Spki());
      break;
    case LintKind::kLdevid:
      vars = LdevidVariables(Spki());
      break;
    case LintKind::kService:
      spec.extended_key_usages.push_back(Oid(oids::kServerAuth));
      vars = WithUri("spiffe://example.test/service/ca");
      vars.subject_alt_names.dns_names = {"localhost"};
      break;
    case LintKind::kLine:
      vars = WithUri("spiffe://example.test/fleet/f/line/l");
      break;
    case LintKind::kOperator:
      vars = WithUri("spiffe://example.test/operator/o");
      break;
    case LintKind::kEnforcementPoint:
      vars = WithUri("spiffe://example.test/enforcement-point/e");
      break;
    case LintKind::kOcspResponder:
      spec.extended_key_usages = {Oid(oids::kOcspSigning)};
      spec.ocsp_no_check = true;
      vars = OcspResponderVariables(Spki());
      break;
    case LintKind::kRecordSigner:
      spec.extended_key_usages = {Oid(oids::kDocumentSigning)};
      vars = OcspResponderVariables(Spki());
      vars.crl_uri = "http://crl.example/internal/0.crl";
      break;
  }
  return *CertificateTemplate::New(spec)->BuildTbs(vars);
}

inline LintProfile ProfileOf(LintKind kind) {
  LintProfile profile;
  profile.kind = kind;
  const CertificateTemplateSpec spec = kind == LintKind::kRoot ? Ca().RootSpec()
                                       : kind == LintKind::kIssuer
                                           ? Ca().IssuerSpec()
                                           : Ca().LeafSpec();
  profile.issuer_name_der = spec.issuer_name_der;
  profile.issuer_key_id = spec.issuer_key_id;
  return profile;
}

inline std::vector<std::string> Rules(const std::vector<Finding>& findings) {
  std::vector<std::string> rules;
  for (const Finding& finding : findings) {
    EXPECT_FALSE(finding.text.empty());
    rules.emplace_back(finding.rule);
  }
  return rules;
}

inline DerNode& Extensions(DerNode& n) { return n.At({7, 0}); }

inline std::function<void(DerNode&)> SetValue(absl::string_view oid,
                                              const char* hex) {
  return [oid, hex](DerNode& n) {
    FindExtension(Extensions(n), oid).children.back().content = *HexDecode(hex);
  };
}

inline std::function<void(DerNode&)> Remove(absl::string_view oid) {
  return [oid](DerNode& n) {
    auto& list = Extensions(n).children;
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].At({0}).content == oid) {
        list.erase(list.begin() + static_cast<long>(i));
        return;
      }
    }
    FAIL() << "no such extension";
  };
}

// Turns the critical flag of `oid` around.
inline std::function<void(DerNode&)> FlipCritical(absl::string_view oid) {
  return [oid](DerNode& n) {
    auto& fields = FindExtension(Extensions(n), oid).children;
    if (fields.size() == 3) {
      fields.erase(fields.begin() + 1);
    } else {
      fields.insert(fields.begin() + 1, DerNode::Parse(*HexDecode("0101ff")));
    }
  };
}

inline std::function<void(DerNode&)> Add(const char* hex) {
  return [hex](DerNode& n) {
    Extensions(n).children.push_back(DerNode::Parse(*HexDecode(hex)));
  };
}

inline std::function<void(DerNode&)> SetContent(
    std::initializer_list<size_t> path, std::string content) {
  return [path = std::vector<size_t>(path), content](DerNode& n) {
    DerNode* node = &n;
    for (const size_t index : path) {
      node = &node->children.at(index);
    }
    node->content = content;
  };
}

// Each row spoils one thing of a good to-be-signed certificate. Positions:
// 0 version, 1 serial, 2 algorithm, 3 issuer, 4 validity, 5 subject, 6 key,
// 7 extensions.
struct SpoiledCase {
  const char* name;
  LintKind kind;
  std::function<void(DerNode&)> spoil;
  const char* rule;
};

inline std::vector<std::string> RulesOf(const SpoiledCase& spoiled) {
  DerNode node = DerNode::Parse(GoodTbs(spoiled.kind));
  spoiled.spoil(node);
  return Rules(LintTbsCertificate(node.Encode(), ProfileOf(spoiled.kind)));
}

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_LINT_TESTING_H_
