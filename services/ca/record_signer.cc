#include "services/ca/record_signer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/json_object.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/keys/local_key.h"
#include "lib/policy/subject.h"
#include "lib/telemetry/log.h"
#include "lib/x509/certificate.h"
#include "lib/x509/jws.h"

namespace birthmark::ca {
namespace {

constexpr size_t kMaxType = 64;

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

// A restricted name of RFC 6838 4.2, in lower case.
bool IsMediaSubtype(absl::string_view type) {
  return !type.empty() && type.size() <= kMaxType &&
         absl::ascii_islower(type[0]) &&
         std::all_of(type.begin(), type.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '-' || c == '+' || c == '.';
         });
}

absl::Status Check(absl::string_view type,
                   const std::vector<std::string>& payloads) {
  if (!IsMediaSubtype(type)) {
    return Invalid("type", "must match [a-z][a-z0-9.+-]{0,63}");
  }
  if (payloads.empty() || payloads.size() > size_t{kMaxRecords}) {
    return Invalid("payloads", absl::StrCat("must be 1 to ", kMaxRecords,
                                            ", are ", payloads.size()));
  }
  for (const std::string& payload : payloads) {
    if (payload.size() > kMaxRecordBytes) {
      return Invalid("payloads", absl::StrCat("one has more than ",
                                              kMaxRecordBytes, " octets"));
    }
    if (!ParseJsonObject(payload).ok()) {
      return Invalid("payloads", "one is not a JSON object");
    }
  }
  return absl::OkStatus();
}

}  // namespace

struct RecordSigner::Identity {
  std::unique_ptr<keys::LocalKey> key;
  std::vector<std::string> chain_der;
  absl::Time not_before;
  absl::Time renew_time;
  absl::Time not_after;

  bool ValidAt(absl::Time now) const {
    return not_before <= now && now <= not_after;
  }
};

RecordSigner::RecordSigner(BatchIssuer& issuer, crypto::SerialSource& serials,
                           Clock& clock, Metrics& metrics)
    : issuer_(issuer), serials_(serials), clock_(clock), metrics_(metrics) {}

RecordSigner::~RecordSigner() = default;

absl::StatusOr<std::vector<std::string>> RecordSigner::Sign(
    absl::string_view type, const std::vector<std::string>& payloads,
    const std::string& caller) {
  BIRTHMARK_RETURN_IF_ERROR(Check(type, payloads));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::shared_ptr<const Identity> identity,
                             Current(caller));
  x509::JwsHeader header;
  header.type = std::string(type);
  header.chain_der = identity->chain_der;
  std::vector<std::string> out;
  out.reserve(payloads.size());
  for (const std::string& payload : payloads) {
    const std::string input =
        x509::JwsSigningInput(kAlgorithm, header, payload);
    BIRTHMARK_ASSIGN_OR_RETURN(const std::string signature,
                               identity->key->Sign(input));
    BIRTHMARK_ASSIGN_OR_RETURN(std::string jws,
                               x509::AssembleJws(kAlgorithm, input, signature));
    out.push_back(std::move(jws));
  }
  metrics_.records_signed.With({}).Increment(static_cast<double>(out.size()));
  return out;
}

// Whoever comes while a certificate is being made waits for it. An older one
// serves on until it expires if no new one can be had.
absl::StatusOr<std::shared_ptr<const RecordSigner::Identity>>
RecordSigner::Current(const std::string& caller) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time now = clock_.Now();
  const bool valid = identity_ != nullptr && identity_->ValidAt(now);
  if (valid && now < identity_->renew_time) {
    return identity_;
  }
  auto made = Make(caller, now);
  if (made.ok()) {
    identity_ = *std::move(made);
    return identity_;
  }
  if (!valid) {
    return made.status();
  }
  telemetry::Log(telemetry::Level::kWarning, "record_signer_not_renewed",
                 {{"error", made.status().ToString(
                                absl::StatusToStringMode::kWithNoExtraData)}});
  return identity_;
}

absl::StatusOr<std::shared_ptr<const RecordSigner::Identity>>
RecordSigner::Make(const std::string& caller, absl::Time now) {
  auto identity = std::make_shared<Identity>();
  BIRTHMARK_ASSIGN_OR_RETURN(identity->key,
                             keys::LocalKey::Generate(kAlgorithm));
  BIRTHMARK_ASSIGN_OR_RETURN(std::string serial, HexDecode(serials_.Next()));
  BIRTHMARK_ASSIGN_OR_RETURN(
      BatchIssuer::Results results,
      issuer_.Issue(
          {{std::move(serial),
            std::string(identity->key->public_key().spki_der()),
            policy::RecordSignerSubject{}}},
          {.caller = caller, .on_behalf_of = caller, .first_attempt = true}));
  BIRTHMARK_RETURN_IF_ERROR(results[0].status());
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Certificate certificate,
                             x509::Certificate::Parse(*results[0]));
  identity->chain_der.push_back(certificate->der);
  for (const x509::Certificate& above : issuer_.issuer().chain()) {
    identity->chain_der.push_back(above->der);
  }
  identity->not_before = certificate->not_before;
  identity->not_after = certificate->not_after;
  identity->renew_time = now + (certificate->not_after - now) / 2;
  telemetry::Log(telemetry::Level::kInfo, "record_signer_certified",
                 {{"serial", certificate->serial_hex},
                  {"not_after", absl::FormatTime(certificate->not_after,
                                                 absl::UTCTimeZone())}});
  return std::shared_ptr<const Identity>(std::move(identity));
}

}  // namespace birthmark::ca
