// Reasons that errors carry, with their code and metadata keys. A reason is
// never reused or renamed: callers act on it. docs/errors.md lists them all.

#ifndef BIRTHMARK_LIB_BASE_REASONS_H_
#define BIRTHMARK_LIB_BASE_REASONS_H_

#include "absl/strings/string_view.h"

namespace birthmark::reasons {

// INVALID_ARGUMENT: the request itself is wrong. Metadata: field.

// A resource name does not have the documented format.
inline constexpr absl::string_view kBadResourceName = "BAD_RESOURCE_NAME";
// A field is missing or has a value that is not allowed.
inline constexpr absl::string_view kInvalidField = "INVALID_FIELD";
// The CSR is not strict DER of the form that RFC 2986 gives.
inline constexpr absl::string_view kCsrMalformed = "CSR_MALFORMED";
// The CSR is longer than allowed; nothing of it was parsed.
inline constexpr absl::string_view kCsrTooLarge = "CSR_TOO_LARGE";
// The CSR's signature was not made by the key inside it.
inline constexpr absl::string_view kCsrSignatureInvalid =
    "CSR_SIGNATURE_INVALID";
// A public key is not strict DER, or not a valid point of its curve.
inline constexpr absl::string_view kKeyMalformed = "KEY_MALFORMED";
// The page token belongs to another query.
inline constexpr absl::string_view kPageTokenMismatch = "PAGE_TOKEN_MISMATCH";
// The request_id was used before with another body.
inline constexpr absl::string_view kRequestIdReused = "REQUEST_ID_REUSED";
// The caller's deadline is shorter than the method can ever meet.
inline constexpr absl::string_view kDeadlineTooShort = "DEADLINE_TOO_SHORT";
// The filter is outside the documented subset.
inline constexpr absl::string_view kFilterInvalid = "FILTER_INVALID";
// A wipe receipt is not a JWS of the form that is asked for.
inline constexpr absl::string_view kReceiptMalformed = "RECEIPT_MALFORMED";
// A wipe receipt is of another device or of another instruction.
inline constexpr absl::string_view kReceiptMismatch = "RECEIPT_MISMATCH";
// A device may have 64 labels.
inline constexpr absl::string_view kTooManyLabels = "TOO_MANY_LABELS";
// The challenge was not made by this deployment for this key.
inline constexpr absl::string_view kChallengeInvalid = "CHALLENGE_INVALID";
inline constexpr absl::string_view kChallengeExpired = "CHALLENGE_EXPIRED";

// UNAUTHENTICATED: who calls could not be established.

// The connection brought no client certificate.
inline constexpr absl::string_view kCertificateMissing = "CERTIFICATE_MISSING";
// No issuer of this system made the certificate. Metadata: issuer.
inline constexpr absl::string_view kCertificateUnknown = "CERTIFICATE_UNKNOWN";
// The certificate is outside its validity. Metadata: serial.
inline constexpr absl::string_view kCertificateExpired = "CERTIFICATE_EXPIRED";
// The certificate is revoked or on hold. Metadata: serial.
inline constexpr absl::string_view kCertificateRevoked = "CERTIFICATE_REVOKED";

// PERMISSION_DENIED: the caller is known and may not. Metadata: method, caller.

// The method is not open to callers of this role or scope.
inline constexpr absl::string_view kCallerNotAllowed = "CALLER_NOT_ALLOWED";
// The line belongs to another client certificate.
inline constexpr absl::string_view kLineNotOwned = "LINE_NOT_OWNED";
// The signature is not the key's.
inline constexpr absl::string_view kSignatureInvalid = "SIGNATURE_INVALID";
// Whoever asked for it may not approve it.
inline constexpr absl::string_view kSecondOperatorNeeded =
    "SECOND_OPERATOR_NEEDED";

// NOT_FOUND: no such resource, or none that the caller may see. Metadata:
// resource.

inline constexpr absl::string_view kFleetNotFound = "FLEET_NOT_FOUND";
inline constexpr absl::string_view kLineNotFound = "LINE_NOT_FOUND";
inline constexpr absl::string_view kBatchNotFound = "BATCH_NOT_FOUND";
inline constexpr absl::string_view kDeviceNotFound = "DEVICE_NOT_FOUND";
inline constexpr absl::string_view kKeyNotFound = "KEY_NOT_FOUND";
inline constexpr absl::string_view kIssuerNotFound = "ISSUER_NOT_FOUND";
inline constexpr absl::string_view kProfileNotFound = "PROFILE_NOT_FOUND";
inline constexpr absl::string_view kCertificateNotFound =
    "CERTIFICATE_NOT_FOUND";
inline constexpr absl::string_view kCrlShardNotFound = "CRL_SHARD_NOT_FOUND";
inline constexpr absl::string_view kRevocationJobNotFound =
    "REVOCATION_JOB_NOT_FOUND";
inline constexpr absl::string_view kEnforcementPointNotFound =
    "ENFORCEMENT_POINT_NOT_FOUND";

inline constexpr absl::string_view kDecommissionNotFound =
    "DECOMMISSION_NOT_FOUND";
inline constexpr absl::string_view kFindingNotFound = "FINDING_NOT_FOUND";
inline constexpr absl::string_view kDeviceJobNotFound = "DEVICE_JOB_NOT_FOUND";
inline constexpr absl::string_view kTransferNotFound = "TRANSFER_NOT_FOUND";
inline constexpr absl::string_view kReplacementNotFound =
    "REPLACEMENT_NOT_FOUND";
inline constexpr absl::string_view kKeyAuditNotFound = "KEY_AUDIT_NOT_FOUND";

// ALREADY_EXISTS: the name or the key is taken. Metadata: resource.

inline constexpr absl::string_view kFleetExists = "FLEET_EXISTS";
inline constexpr absl::string_view kLineExists = "LINE_EXISTS";
inline constexpr absl::string_view kBatchExists = "BATCH_EXISTS";
inline constexpr absl::string_view kDeviceExists = "DEVICE_EXISTS";
inline constexpr absl::string_view kRevocationJobExists =
    "REVOCATION_JOB_EXISTS";
inline constexpr absl::string_view kEnforcementPointExists =
    "ENFORCEMENT_POINT_EXISTS";
inline constexpr absl::string_view kDeviceJobExists = "DEVICE_JOB_EXISTS";
// The device is being offered to a fleet already.
inline constexpr absl::string_view kTransferExists = "TRANSFER_EXISTS";
// One of the two devices is being replaced, or replaces, already.
inline constexpr absl::string_view kReplacementExists = "REPLACEMENT_EXISTS";
// The serial number has its certificate already, for another key or purpose.
inline constexpr absl::string_view kCertificateExists = "CERTIFICATE_EXISTS";
// A device has, or once had, this very key.
inline constexpr absl::string_view kKeyAlreadyEnrolled = "KEY_ALREADY_ENROLLED";

// FAILED_PRECONDITION: change the state first. Metadata: resource, state, rule.

// The device is not ACTIVE, as it must be for this.
inline constexpr absl::string_view kDeviceNotActive = "DEVICE_NOT_ACTIVE";
// The device's state does not allow this.
inline constexpr absl::string_view kDeviceState = "DEVICE_STATE";
// The device is being decommissioned: it has to wipe itself.
inline constexpr absl::string_view kWipeRequired = "WIPE_REQUIRED";
// Nobody has told the device to wipe itself.
inline constexpr absl::string_view kWipeNotRequired = "WIPE_NOT_REQUIRED";
// A finding that is not closed denies the device new certificates.
inline constexpr absl::string_view kFindingDeniesRenewal =
    "FINDING_DENIES_RENEWAL";
// The state of the finding, job, transfer, replacement or audit does not allow
// this.
inline constexpr absl::string_view kFindingState = "FINDING_STATE";
inline constexpr absl::string_view kDeviceJobState = "DEVICE_JOB_STATE";
inline constexpr absl::string_view kTransferState = "TRANSFER_STATE";
inline constexpr absl::string_view kReplacementState = "REPLACEMENT_STATE";
inline constexpr absl::string_view kKeyAuditState = "KEY_AUDIT_STATE";
// Another audit of all keys runs.
inline constexpr absl::string_view kKeyAuditRunning = "KEY_AUDIT_RUNNING";
// The issuer does not sign now.
inline constexpr absl::string_view kIssuerNotActive = "ISSUER_NOT_ACTIVE";
// The request breaks a rule of the certificate profile.
inline constexpr absl::string_view kProfileViolation = "PROFILE_VIOLATION";
// An operator has blocked this key.
inline constexpr absl::string_view kKeyBlocked = "KEY_BLOCKED";
// The key can be broken; `rule` says which check it failed.
inline constexpr absl::string_view kKeyWeak = "KEY_WEAK";
// The profile does not take keys of this type or size.
inline constexpr absl::string_view kKeyTypeNotAllowed = "KEY_TYPE_NOT_ALLOWED";
// The evidence about where the key lives did not verify.
inline constexpr absl::string_view kAttestationRejected =
    "ATTESTATION_REJECTED";
// An operator has disabled the line.
inline constexpr absl::string_view kLineDisabled = "LINE_DISABLED";
// The line may not make devices of this model.
inline constexpr absl::string_view kModelNotAllowed = "MODEL_NOT_ALLOWED";
// The batch takes no more items.
inline constexpr absl::string_view kBatchClosed = "BATCH_CLOSED";
// The certificate was never on hold.
inline constexpr absl::string_view kCertificateNotHeld = "CERTIFICATE_NOT_HELD";
// The state of the mass revocation does not allow this.
inline constexpr absl::string_view kRevocationJobState = "REVOCATION_JOB_STATE";

// ABORTED: read again and redo the whole step. Metadata: resource.

inline constexpr absl::string_view kEtagMismatch = "ETAG_MISMATCH";
inline constexpr absl::string_view kTransactionConflict =
    "TRANSACTION_CONFLICT";

// RESOURCE_EXHAUSTED: wait, then try again. Metadata: limit; a retry delay.

inline constexpr absl::string_view kLineQuotaExceeded = "LINE_QUOTA_EXCEEDED";
inline constexpr absl::string_view kTooManyInFlight = "TOO_MANY_IN_FLIGHT";
// The server's queue is full.
inline constexpr absl::string_view kServerOverloaded = "SERVER_OVERLOADED";

// UNAVAILABLE: retry with backoff.

inline constexpr absl::string_view kSignerOffline = "SIGNER_OFFLINE";
inline constexpr absl::string_view kDatabaseOffline = "DATABASE_OFFLINE";
// The server shuts down; another one, or itself in a moment, will answer.
inline constexpr absl::string_view kServerDraining = "SERVER_DRAINING";
// Nothing was sent on a stream for long.
inline constexpr absl::string_view kStreamIdle = "STREAM_IDLE";
// The disk does not take the revocation journal's records.
inline constexpr absl::string_view kJournalUnavailable = "JOURNAL_UNAVAILABLE";

// OUT_OF_RANGE: start over.

// The history that the token belongs to is not this database's.
inline constexpr absl::string_view kResumeTokenUnknown = "RESUME_TOKEN_UNKNOWN";

// UNIMPLEMENTED: the method is not served here. Metadata: method.
inline constexpr absl::string_view kMethodNotServed = "METHOD_NOT_SERVED";

// DATA_LOSS: page someone. Metadata: log, index.
inline constexpr absl::string_view kAuditChainBroken = "AUDIT_CHAIN_BROKEN";

}  // namespace birthmark::reasons

#endif  // BIRTHMARK_LIB_BASE_REASONS_H_
