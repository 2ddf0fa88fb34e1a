#include "services/cli/device_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

constexpr mode_t kPrivate = 0600;
constexpr char kNext[] = ".next";
constexpr char kPrevious[] = ".previous";

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

absl::Status Keep(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (absl::IsNotFound(bytes.status())) {
    return absl::OkStatus();
  }
  if (!bytes.ok()) {
    return FileError(bytes.status(), path);
  }
  const std::string previous = absl::StrCat(path, kPrevious);
  return FileError(WriteFileAtomically(previous, *bytes, kPrivate), previous);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  return error ? FileError(absl::ErrnoToStatus(error.value(), to), to)
               : absl::OkStatus();
}

}  // namespace

DeviceFolder::DeviceFolder(const std::string& dir)
    : key_(absl::StrCat(dir, "/", kName, ".key")),
      certificate_(absl::StrCat(dir, "/", kName, ".pem")) {}

std::string DeviceFolder::next_key() const { return absl::StrCat(key_, kNext); }

absl::Status DeviceFolder::Install(absl::string_view pem) const {
  const std::string next = absl::StrCat(certificate_, kNext);
  BIRTHMARK_RETURN_IF_ERROR(
      FileError(WriteFileAtomically(next, pem, kPrivate), next));
  return Complete();
}

absl::Status DeviceFolder::Complete() const {
  const std::string next_certificate = absl::StrCat(certificate_, kNext);
  if (!Exists(next_certificate)) {
    return absl::OkStatus();
  }
  // Without its key the certificate's turn is all that is left to do.
  if (Exists(next_key())) {
    BIRTHMARK_RETURN_IF_ERROR(Keep(key_));
    BIRTHMARK_RETURN_IF_ERROR(Keep(certificate_));
    BIRTHMARK_RETURN_IF_ERROR(Rename(next_key(), key_));
  }
  return Rename(next_certificate, certificate_);
}

void DeviceFolder::DropNextKey() const {
  std::error_code ignored;
  std::filesystem::remove(next_key(), ignored);
}

}  // namespace birthmark::cli
