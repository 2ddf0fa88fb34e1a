#include "lib/rpc/test_pki.h"

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/crypto/ids.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/extension.h"
#include "lib/x509/name.h"
#include "lib/x509/oid.h"
#include "lib/x509/pem.h"
#include "lib/x509/serial.h"

namespace birthmark::rpc {
namespace {

constexpr char kRoot[] = "root";

void Check(const absl::Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "test_pki: %s\n", status.ToString().c_str());
    std::abort();
  }
}

template <typename T>
T Get(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

x509::Certificate Sign(const x509::CertificateTemplateSpec& spec,
                       const x509::CertificateVariables& variables,
                       const keys::LocalKey& key) {
  const auto made = Get(x509::CertificateTemplate::New(spec));
  const std::string tbs = Get(made.BuildTbs(variables));
  const std::string der = Get(x509::AssembleCertificate(
      tbs, spec.signature_algorithm, Get(key.Sign(tbs))));
  return Get(x509::Certificate::Parse(der));
}

}  // namespace

TestPki::TestPki(std::string directory, Clock& clock)
    : directory_(std::move(directory)), clock_(clock) {
  AddAuthority(kRoot, kRoot);
  for (const char* issuer : {kInternalIssuer, kIdevidIssuer, kLdevidIssuer}) {
    AddAuthority(issuer, kRoot);
  }
}

TrustFiles TestPki::trust() const {
  return {.roots = Path("root.pem"),
          .internal_issuer = Path("internal.pem"),
          .idevid_issuer = Path("idevid.pem"),
          .ldevid_issuer = Path("ldevid.pem")};
}

void TestPki::AddAuthority(const std::string& name, const std::string& parent) {
  Authority& own = authorities_[name];
  own.key = Get(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  const Authority& above = authorities_[parent];
  const bool is_root = name == parent;

  x509::DistinguishedName subject;
  subject.Organization("Test").CommonName(absl::StrCat("Test ", name));
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = above.key->algorithm();
  spec.issuer_name_der = is_root
                             ? Get(subject.ToDer())
                             : std::string((*above.certificate)->subject_der);
  if (!is_root) {
    spec.issuer_key_id = *(*above.certificate)->subject_key_id;
  }
  spec.basic_constraints = x509::BasicConstraints{.is_ca = true};
  spec.key_usage = x509::kKeyUsageKeyCertSign | x509::kKeyUsageCrlSign;

  crypto::RandomSerialSource serials(clock_);
  const std::string serial = Get(x509::SerialFromHex(serials.Next()));
  x509::CertificateVariables variables;
  variables.serial = serial;
  variables.not_before = clock_.Now() - absl::Hours(24);
  variables.not_after = clock_.Now() + absl::Hours(24 * 365);
  variables.subject = subject;
  variables.spki_der = own.key->public_key().spki_der();
  own.certificate =
      std::make_unique<x509::Certificate>(Sign(spec, variables, *above.key));
  Check(WriteFileAtomically(Path(absl::StrCat(name, ".pem")),
                            own.certificate->ToPem(), 0644));
}

TestPki::Leaf TestPki::Issue(const std::string& name, const LeafSpec& leaf) {
  const Authority& issuer = authorities_.at(leaf.issuer);
  const auto key = Get(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));

  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = issuer.key->algorithm();
  spec.issuer_name_der = std::string((*issuer.certificate)->subject_der);
  spec.issuer_key_id = *(*issuer.certificate)->subject_key_id;
  spec.key_usage = x509::kKeyUsageDigitalSignature;
  if (leaf.for_clients) {
    spec.extended_key_usages.emplace_back(x509::oids::kClientAuth);
  }
  if (!leaf.dns.empty() || !leaf.for_clients) {
    spec.extended_key_usages.emplace_back(x509::oids::kServerAuth);
  }
  crypto::RandomSerialSource serials(clock_);
  const std::string serial_hex = serials.Next();
  const std::string serial = Get(x509::SerialFromHex(serial_hex));
  x509::CertificateVariables variables;
  variables.serial = serial;
  variables.not_before = clock_.Now() + leaf.begin;
  variables.not_after = clock_.Now() + leaf.end;
  variables.subject.CommonName(name);
  variables.spki_der = key->public_key().spki_der();
  if (!leaf.uri.empty()) {
    variables.subject_alt_names.uris.push_back(leaf.uri);
  }
  if (!leaf.dns.empty()) {
    variables.subject_alt_names.dns_names.push_back(leaf.dns);
  }
  const x509::Certificate certificate = Sign(spec, variables, *issuer.key);

  Leaf made;
  made.der = certificate->der;
  made.serial = serial_hex;
  made.files = {.certificate = Path(absl::StrCat(name, ".leaf.pem")),
                .private_key = Path(absl::StrCat(name, ".leaf.key"))};
  Check(key->Replace(made.files.private_key));
  Check(WriteFileAtomically(
      made.files.certificate,
      absl::StrCat(certificate.ToPem(), issuer.certificate->ToPem()), 0644));
  return made;
}

TestPki::Leaf TestPki::Service(const std::string& role) {
  return Issue(
      role, {.uri = absl::StrCat("spiffe://", kTrustDomain, "/service/", role),
             .dns = role});
}

TestPki::Leaf TestPki::Operator(const std::string& name) {
  return Issue(name, {.uri = absl::StrCat("spiffe://", kTrustDomain,
                                          "/operator/", name)});
}

TestPki::Leaf TestPki::Line(const std::string& fleet, const std::string& line) {
  return Issue(line, {.uri = absl::StrCat("spiffe://", kTrustDomain, "/fleet/",
                                          fleet, "/line/", line)});
}

TestPki::Leaf TestPki::Device(const std::string& fleet,
                              const std::string& uid) {
  return Issue(uid, {.issuer = kLdevidIssuer,
                     .uri = absl::StrCat("spiffe://", kTrustDomain, "/fleet/",
                                         fleet, "/device/", uid)});
}

TestPki::Leaf TestPki::Birth() {
  return Issue("birth", {.issuer = kIdevidIssuer});
}

std::string TestPki::Path(const std::string& name) const {
  return absl::StrCat(directory_, "/", name);
}

std::string MakeTestDirectory() {
  // Short, for Unix sockets, so not below what Bazel offers; and gone when the
  // process ends, since there are keys inside.
  struct Directories {
    ~Directories() {
      for (const std::string& path : paths) {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
      }
    }
    std::vector<std::string> paths;
  };
  static Directories directories;
  std::string path = "/tmp/birthmark-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    std::perror("test_pki: mkdtemp");
    std::abort();
  }
  directories.paths.push_back(path);
  return path;
}

}  // namespace birthmark::rpc
