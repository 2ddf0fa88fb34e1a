#include "tests/support/devices.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/csr_folder.h"
#include "tests/support/process.h"

namespace birthmark::tests {
namespace {

void Must(const ProcessResult& result) {
  if (result.exit_code != 0) {
    std::cerr << result.out << result.err << std::endl;
    std::abort();
  }
}

// Returns the identity folder of acme/l1, which is made once.
std::string Line(Deployment& deployment) {
  const std::string folder = deployment.dir() + "/line-acme-l1";
  return access(folder.c_str(), F_OK) == 0
             ? folder
             : deployment.CreateLine("acme", "l1");
}

}  // namespace

void MakeDevices(Deployment& deployment, const std::string& folder,
                 const std::vector<std::string>& ids) {
  const std::string line = Line(deployment);
  CsrFolder csrs(folder);
  for (const std::string& id : ids) {
    const auto key = csrs.Add(id);
    if (!key->Save(absl::StrCat(folder, "/", id, ".key")).ok()) {
      std::abort();
    }
  }
  csrs.Finish();
  Must(deployment.Birthmark({"provision", "--line", line, "--batch",
                             absl::StrCat("of-", ids.front()), "--csr-dir",
                             folder, "--out", folder}));
  for (const std::string& id : ids) {
    const std::string path = absl::StrCat(folder, "/", id);
    Must(deployment.Birthmark(
        {"device", "register", "--idevid", path + ".pem", "--key",
         path + ".key", "--out", path, "--client",
         deployment.home() + "/operator/client.textproto"}));
  }
}

std::string SerialOf(const std::string& certificate_file) {
  const std::string out = RunProgram({"openssl", "x509", "-in",
                                      certificate_file, "-noout", "-serial"})
                              .out;
  std::string hex(absl::StripAsciiWhitespace(out.substr(out.find('=') + 1)));
  absl::AsciiStrToLower(&hex);
  return hex;
}

std::string CertificateOf(const std::string& issuer,
                          const std::string& certificate_file) {
  return absl::StrCat("issuers/", issuer, "/certificates/",
                      SerialOf(certificate_file));
}

std::vector<std::string> MakeBirthCertificates(Deployment& deployment,
                                               const std::string& batch,
                                               int count) {
  const std::string line = Line(deployment);
  CsrFolder csrs(absl::StrCat(deployment.dir(), "/", batch));
  csrs.AddMany(batch, count);
  csrs.Finish();
  Must(deployment.Birthmark({"provision", "--line", line, "--batch", batch,
                             "--csr-dir", csrs.path(), "--out", csrs.path()}));
  return absl::StrSplit(
      deployment.Sql(absl::StrCat(
          "SELECT string_agg(encode(serial, 'hex'), ',' ORDER BY serial) FROM "
          "batch_items JOIN batches USING (batch_key) WHERE batch_id = '",
          batch, "'")),
      ',');
}

}  // namespace birthmark::tests
