#include "services/cli/item_files.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/x509/certificate.h"
#include "lib/x509/csr.h"
#include "lib/x509/pem.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

namespace shared = ::birthmark::reasons;

// The service takes 16 KiB of DER; this much text can hold it with comments.
constexpr size_t kCsrFileLimit = size_t{64} << 10;
constexpr size_t kPemFileLimit = size_t{1} << 20;
constexpr mode_t kPublic = 0644;

}  // namespace

std::string ItemFiles::CsrPath(const PlannedItem& item) const {
  return absl::StrCat(csr_dir_, "/", item.id, ".csr");
}

std::string ItemFiles::PemPath(const PlannedItem& item) const {
  return absl::StrCat(out_dir_, "/", item.id, ".pem");
}

absl::StatusOr<bool> ItemFiles::IsDone(const PlannedItem& item) const {
  const std::string path = PemPath(item);
  if (access(path.c_str(), F_OK) != 0) {
    return false;
  }
  const absl::StatusOr<std::string> pem = ReadFile(path, kPemFileLimit);
  if (!pem.ok()) {
    return FileError(pem.status(), path);
  }
  const absl::StatusOr<std::vector<x509::Certificate>> chain =
      x509::Certificate::ParsePem(*pem);
  if (!chain.ok()) {
    return false;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const LoadedCsr csr, Load(item));
  if (crypto::Sha256(chain->front()->spki_der) == csr.spki_sha256) {
    return true;
  }
  return MakeError(
      absl::StatusCode::kAlreadyExists, reasons::kOutputMismatch,
      absl::StrCat(path, " holds a certificate for another key than ",
                   CsrPath(item), "; move it away"),
      {{"path", path}});
}

void ItemFiles::RemoveLeftovers() const {
  // As WriteFileAtomically names them: ID.pem.tmp. and six random characters.
  constexpr absl::string_view kMark = ".pem.tmp.";
  constexpr size_t kRandom = 6;
  std::error_code error;
  std::filesystem::directory_iterator entry(out_dir_, error);
  for (; !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const size_t mark = name.rfind(std::string(kMark));
    if (mark != std::string::npos &&
        name.size() == mark + kMark.size() + kRandom) {
      unlink(entry->path().c_str());
    }
  }
}

absl::StatusOr<LoadedCsr> ItemFiles::Load(const PlannedItem& item) const {
  const std::string path = CsrPath(item);
  absl::StatusOr<std::string> bytes = ReadFile(path, kCsrFileLimit);
  if (absl::IsOutOfRange(bytes.status())) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, shared::kCsrTooLarge,
        absl::StrCat(path, " is longer than ", kCsrFileLimit, " bytes"),
        {{"field", "csr_der"}, {"path", path}});
  }
  if (absl::IsNotFound(bytes.status())) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kCsrMissing,
                     absl::StrCat("there is no ", path), {{"path", path}});
  }
  if (!bytes.ok()) {
    return FileError(bytes.status(), path);
  }
  LoadedCsr csr;
  absl::StatusOr<std::string> der = x509::PemOrDer(*bytes, x509::kPemCsr);
  if (!der.ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, shared::kCsrMalformed,
                     absl::StrCat(path, ": ", der.status().message()),
                     {{"field", "csr_der"}, {"path", path}});
  }
  csr.der = *std::move(der);
  if (const absl::StatusOr<x509::Csr> parsed = x509::Csr::Parse(csr.der);
      parsed.ok()) {
    csr.spki_sha256 = crypto::Sha256(parsed->spki_der());
  }
  return csr;
}

absl::Status ItemFiles::Store(
    const PlannedItem& item, absl::string_view spki_sha256,
    absl::string_view certificate_der,
    const std::vector<std::string>& issuers_der) const {
  const absl::StatusOr<x509::Certificate> certificate =
      x509::Certificate::Parse(certificate_der);
  if (!certificate.ok() ||
      crypto::Sha256((*certificate)->spki_der) != spki_sha256) {
    return MakeError(absl::StatusCode::kInternal, reasons::kWrongCertificate,
                     "the service's certificate is not for the key of this CSR",
                     {{"item", item.id}});
  }
  const std::string path = PemPath(item);
  return FileError(
      WriteFileAtomically(
          path,
          absl::StrCat(certificate->ToPem(),
                       x509::PemEncodeAll(x509::kPemCertificate, issuers_der)),
          kPublic),
      path);
}

}  // namespace birthmark::cli
