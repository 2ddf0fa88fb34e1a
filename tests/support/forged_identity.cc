#include "tests/support/forged_identity.h"

#include <sys/stat.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/keys/kek.h"
#include "lib/keys/local_key.h"
#include "lib/keys/sealed_file.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/extension.h"
#include "lib/x509/oid.h"
#include "lib/x509/pem.h"
#include "lib/x509/serial.h"

namespace birthmark::tests {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << std::endl;
    std::abort();
  }
  return *std::move(value);
}

x509::Certificate ReadCertificate(const std::string& path) {
  const auto ders =
      Must(x509::PemDecodeAll(ReadAll(path), x509::kPemCertificate));
  return Must(x509::Certificate::Parse(ders.front()));
}

std::unique_ptr<keys::Signer> IssuerKey(const std::string& home,
                                        ForgedIssuer issuer) {
  if (issuer == ForgedIssuer::kStranger) {
    return Must(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  }
  const auto kek = Must(keys::LoadKek(home + "/ca/kek"));
  return Must(
      keys::FileSigner::Open(home + "/ca/internal.sealed", "internal", kek));
}

}  // namespace

std::string ForgeIdentity(const Deployment& deployment, const std::string& name,
                          const Forgery& forgery) {
  const std::string home = deployment.home();
  const x509::Certificate issuer =
      ReadCertificate(home + "/trust/internal.pem");
  const x509::Certificate honest =
      ReadCertificate(home + "/operator/operator.pem");
  const auto issuer_key = IssuerKey(home, forgery.issuer);
  const auto key = Must(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));

  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = issuer_key->algorithm();
  spec.issuer_name_der = std::string(issuer->subject_der);
  spec.issuer_key_id =
      Must(x509::SubjectKeyId(issuer_key->public_key().spki_der()));
  spec.key_usage = x509::kKeyUsageDigitalSignature;
  spec.extended_key_usages.emplace_back(x509::oids::kClientAuth);
  const auto maker = Must(x509::CertificateTemplate::New(spec));

  const std::string serial = Must(
      x509::SerialFromHex(crypto::RandomSerialSource(Clock::Real()).Next()));
  x509::CertificateVariables vars;
  vars.serial = serial;
  vars.not_after = forgery.not_after == absl::InfiniteFuture()
                       ? Clock::Real().Now() + absl::Hours(24)
                       : forgery.not_after;
  vars.not_before = vars.not_after - absl::Hours(48);
  vars.subject = honest->subject;
  vars.spki_der = key->public_key().spki_der();
  vars.subject_alt_names = honest->subject_alt_names;
  const std::string tbs = Must(maker.BuildTbs(vars));
  const std::string der = Must(x509::AssembleCertificate(
      tbs, issuer_key->algorithm(), Must(issuer_key->Sign(tbs))));

  const std::string folder = absl::StrCat(deployment.dir(), "/", name);
  mkdir(folder.c_str(), 0700);
  WriteFile(folder + "/operator.pem",
            x509::PemEncode(x509::kPemCertificate, der) +
                ReadAll(home + "/trust/internal.pem"));
  if (!key->Save(folder + "/operator.key").ok()) {
    std::abort();
  }
  for (const char* file : {"client.textproto", "roots.pem"}) {
    WriteFile(absl::StrCat(folder, "/", file),
              ReadAll(absl::StrCat(home, "/operator/", file)));
  }
  return folder;
}

}  // namespace birthmark::tests
