#include "services/cli/error_report.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "nlohmann/json.hpp"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

namespace shared = ::birthmark::reasons;

struct Hint {
  absl::string_view reason;
  absl::string_view text;
};

// Only where there is something to do that the text does not say already.
constexpr Hint kHints[] = {
    {shared::kCertificateExpired,
     "get a new certificate: a device registers again with its birth "
     "certificate (`birthmark device register`), a line is created anew "
     "(`birthmark line create`); check the clock of this machine too"},
    {shared::kCertificateRevoked,
     "this identity is revoked for good; ask an operator for a new one"},
    {shared::kCertificateUnknown,
     "the service does not know this certificate: is this the identity folder "
     "of this deployment? A new operator is known once `birthmarkd migrate` "
     "has recorded them"},
    {shared::kCertificateMissing,
     "name the identity folder with --identity or --line"},
    {shared::kCallerNotAllowed,
     "use the identity of the role that the command is for: operators manage, "
     "lines provision, devices register"},
    {shared::kLineNotOwned, "use the identity folder of this line"},
    {shared::kLineDisabled,
     "an operator has disabled the line: `birthmark line list` shows its "
     "state; create another line to go on"},
    {shared::kLineQuotaExceeded,
     "the line has made all devices it may make; an operator creates another "
     "line with a quota of its own"},
    {shared::kModelNotAllowed,
     "correct the model in the CSV, or have an operator create a line for "
     "this model"},
    {shared::kCsrSignatureInvalid,
     "make the CSR again, signed with the key that it is for"},
    {shared::kCsrMalformed,
     "make the CSR again: `openssl req -new -key KEY -subj /CN=x -out ID.csr`"},
    {shared::kCsrTooLarge, "make the CSR again without large attributes"},
    {shared::kKeyAlreadyEnrolled,
     "generate a fresh key: a key may serve one device only, ever"},
    {shared::kKeyWeak, "generate a fresh key with another generator"},
    {shared::kKeyTypeNotAllowed,
     "use a key of a type that the profile takes, e.g. P-256"},
    {shared::kRequestIdReused,
     "use another item id, or the CSR that the id was first used with"},
    {shared::kEtagMismatch,
     "somebody changed it in the meantime: look again, then repeat"},
    {shared::kFleetNotFound, "`birthmark fleet list` shows the fleets"},
    {shared::kLineNotFound, "`birthmark line list` shows the lines"},
    {shared::kDeviceNotFound, "`birthmark device list` shows the devices"},
    {shared::kCertificateNotFound,
     "`birthmark certificate list` shows the certificates"},
    {shared::kCertificateNotHeld,
     "only what is on hold can be released: `birthmark certificate get` shows "
     "its state"},
    {shared::kRevocationJobNotFound,
     "`birthmark revocation-job list` shows the jobs"},
    {shared::kRevocationJobExists,
     "`birthmark revocation-job get NAME` shows it; another job needs another "
     "name"},
    {shared::kRevocationJobState,
     "`birthmark revocation-job get NAME` shows its state"},
    {shared::kSecondOperatorNeeded,
     "somebody else approves it, with an identity of their own: `birthmark "
     "operator add` makes one"},
    {shared::kSignatureInvalid,
     "sign the challenge file as it is, with the private key of this public "
     "key"},
    {shared::kChallengeExpired,
     "run the command with --challenge-out again and sign the new challenge"},
    {shared::kChallengeInvalid,
     "give the challenge that was made for this very key, unchanged"},
    {shared::kKeyNotFound,
     "no certificate was ever issued here for this key: nothing is to be "
     "revoked"},
    {shared::kIssuerNotFound,
     "the issuers are idevid, ldevid and internal unless configured otherwise"},
    {shared::kSignerOffline,
     "the certificate authority cannot be reached; retry when it is back"},
    {shared::kDatabaseOffline,
     "the service has lost its database; retry when it is back"},
    {shared::kServerOverloaded, "wait a little, then retry"},
    {shared::kMethodNotServed,
     "this address hosts another role: check client.textproto"},
    {reasons::kDiskFull,
     "make room, then run the same command again: it goes on where it stopped"},
    {reasons::kFolderNotEmpty, "choose a folder that does not exist yet"},
};

}  // namespace

ExitCode ExitCodeFor(const absl::Status& status) {
  if (status.ok()) {
    return kExitOk;
  }
  const std::string reason = Reason(status);
  if (reason == reasons::kUsage || reason == reasons::kInputMalformed ||
      reason == reasons::kFolderNotEmpty) {
    return kExitUsage;
  }
  if (reason == reasons::kFileUnusable || reason == reasons::kDiskFull ||
      reason == reasons::kFolderInUse) {
    return kExitLocal;
  }
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitDenied;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return kExitFault;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitRefused;
  }
}

absl::string_view ExitCodesHelp() {
  return
      R"(Exit codes of every command:
    0  done
    1  refused by the service, or some items of a batch failed
    2  the command line or an input file is wrong
    3  no service can be reached, or it is not ready: retry later
    4  the identity was not accepted, or may not do this
    5  a local file cannot be used: missing, unreadable, disk full, in use
    6  a fault inside the service or this program
  130  interrupted; what was done is kept, run the command again to go on
)";
}

std::string OneLine(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t') {
      out.push_back(' ');
    } else if (byte < 0x20 || byte == 0x7f) {
      out.push_back('?');
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string ErrorLine(const absl::Status& status) {
  std::string line = absl::StatusCodeToString(status.code());
  const std::string reason = Reason(status);
  if (!reason.empty()) {
    absl::StrAppend(&line, " / ", OneLine(reason));
  }
  const std::string text = OneLine(status.message());
  return absl::StrCat(line, ": ", text.empty() ? "no further details" : text);
}

std::string FixHint(const absl::Status& status) {
  const std::string reason = Reason(status);
  // That another's certificate is revoked already needs no advice.
  const bool is_own = absl::IsUnauthenticated(status);
  for (const Hint& hint : kHints) {
    if (hint.reason == reason &&
        (reason != shared::kCertificateRevoked || is_own)) {
      return std::string(hint.text);
    }
  }
  if (status.code() == absl::StatusCode::kUnavailable) {
    return "is the service running, and is the address in client.textproto "
           "right?";
  }
  return "";
}

std::string ErrorJson(const absl::Status& status) {
  nlohmann::json error;
  error["code"] = absl::StatusCodeToString(status.code());
  error["message"] = OneLine(status.message());
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  if (info.has_value()) {
    error["reason"] = info->reason;
    error["metadata"] = info->metadata;
  }
  const std::string hint = FixHint(status);
  if (!hint.empty()) {
    error["fix"] = hint;
  }
  // Text from elsewhere need not be UTF-8.
  return nlohmann::json{{"error", error}}.dump(
      2, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::Status UsageError(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kUsage, text);
}

absl::Status FileError(const absl::Status& status, absl::string_view path) {
  if (status.ok() || !Reason(status).empty()) {
    return status;
  }
  if (absl::IsResourceExhausted(status)) {
    return MakeError(status.code(), reasons::kDiskFull,
                     absl::StrCat(status.message(), " (No space left)"),
                     {{"path", path}});
  }
  return MakeError(status.code(), reasons::kFileUnusable, status.message(),
                   {{"path", path}});
}

}  // namespace birthmark::cli
