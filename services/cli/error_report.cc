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
    {shared::kDeviceNotActive,
     "only an active device can be isolated: `birthmark device get` shows its "
     "state and how it came about"},
    {shared::kDeviceState,
     "`birthmark device get` shows its state and how it came about"},
    {shared::kWipeRequired,
     "this device is being retired: `birthmark device wipe-instruction` says "
     "what it is to confirm"},
    {shared::kWipeNotRequired,
     "the device is not being retired, or its time to confirm is over"},
    {shared::kFindingDeniesRenewal,
     "an operator looks at `birthmark finding list --device DEVICE` and closes "
     "what is done with"},
    {shared::kFilterInvalid, "docs/lifecycle.md lists what a filter may say"},
    {shared::kFindingNotFound, "`birthmark finding list` shows the findings"},
    {shared::kFindingState, "`birthmark finding get` shows its state"},
    {shared::kDeviceJobNotFound, "`birthmark device-job list` shows the jobs"},
    {shared::kDeviceJobExists,
     "`birthmark device-job get` shows it; another job needs another name"},
    {shared::kDeviceJobState, "`birthmark device-job get` shows its state"},
    {shared::kTransferNotFound, "`birthmark transfer list` shows them"},
    {shared::kTransferExists,
     "`birthmark transfer list` shows the offer; `transfer cancel` ends it"},
    {shared::kTransferState, "`birthmark transfer get` shows its state"},
    {shared::kReplacementNotFound, "`birthmark replacement list` shows them"},
    {shared::kReplacementExists,
     "`birthmark replacement list` shows it; `replacement reject` ends it"},
    {shared::kReplacementState, "`birthmark replacement list` shows its state"},
    {shared::kKeyAuditNotFound, "`birthmark key-audit list` shows the audits"},
    {shared::kKeyAuditRunning,
     "`birthmark key-audit list` shows it; wait for its end, or cancel it"},
    {shared::kDecommissionNotFound,
     "the device is not retired: `birthmark device get` shows its state"},
    {shared::kResumeTokenUnknown,
     "the database has another history: list what you need, then follow it "
     "without a token"},
    {reasons::kNothingSelected,
     "`birthmark device list` or `certificate list` with the same options "
     "shows what they select"},
    {reasons::kNotVerified,
     "is the bundle that of the deployment that issued it (GET /ca/bundle.pem "
     "of its role status)? Otherwise somebody changed or forged it"},
    {reasons::kNotCertified,
     "`birthmark device decommission-status` shows what it waits for; --wait "
     "1m waits"},
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
