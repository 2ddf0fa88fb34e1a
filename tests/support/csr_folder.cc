#include "tests/support/csr_folder.h"

#include <sys/stat.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/x509/csr.h"
#include "lib/x509/pem.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {

std::string MakeCsr(const keys::LocalKey& key) {
  const absl::StatusOr<std::string> csr = x509::CreateCsr(
      {}, key.public_key().spki_der(), key.algorithm(),
      [&key](absl::string_view message) { return key.Sign(message); });
  if (!csr.ok()) {
    std::abort();
  }
  return *csr;
}

CsrFolder::CsrFolder(std::string path) : path_(std::move(path)) {
  mkdir(path_.c_str(), 0700);
}

std::unique_ptr<keys::LocalKey> CsrFolder::Add(const std::string& id,
                                               const std::string& model,
                                               crypto::KeyAlgorithm algorithm) {
  auto key = keys::LocalKey::Generate(algorithm);
  if (!key.ok()) {
    std::abort();
  }
  AddRaw(id, x509::PemEncode(x509::kPemCsr, MakeCsr(**key)), model);
  return *std::move(key);
}

void CsrFolder::AddRaw(const std::string& id, const std::string& csr,
                       const std::string& model,
                       const std::string& serial_number) {
  WriteFile(absl::StrCat(path_, "/", id, ".csr"), csr);
  absl::StrAppend(
      &csv_, id, ",", model, ",",
      serial_number.empty() ? absl::StrCat("SN-", id) : serial_number, ",B\n");
}

void CsrFolder::AddMany(const std::string& prefix, int count) {
  for (int i = 1; i <= count; ++i) {
    Add(absl::StrFormat("%s-%06d", prefix, i));
  }
}

void CsrFolder::Finish() const {
  WriteFile(absl::StrCat(path_, "/devices.csv"), csv_);
}

}  // namespace birthmark::tests
