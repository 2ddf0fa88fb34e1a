#include "services/registration/key_report_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/public_key.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "services/registration/convert.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

}  // namespace

void KeyReportService::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(
        router,
        absl::StrCat("birthmark.revocation.v1.RevocationService.", name), this,
        method);
  };
  serve("CreateKeyChallenge", &KeyReportService::CreateKeyChallenge);
  serve("ReportKeyCompromise", &KeyReportService::ReportKeyCompromise);
}

absl::StatusOr<pb::KeyChallenge> KeyReportService::CreateKeyChallenge(
    const rpc::CallContext&, const pb::CreateKeyChallengeRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(
      crypto::PublicKey::Parse(request.spki_der()).status());
  const absl::Time expire_time =
      NowSeconds(with_.clock) + KeyChallengeCodec::kLifetime;
  pb::KeyChallenge challenge;
  challenge.set_challenge(with_.key_challenges.Make(
      crypto::Sha256(request.spki_der()), expire_time));
  *challenge.mutable_expire_time() = rpc::ToTimestamp(expire_time);
  return challenge;
}

absl::StatusOr<pb::ReportKeyCompromiseResponse>
KeyReportService::ReportKeyCompromise(
    const rpc::CallContext& context,
    const pb::ReportKeyCompromiseRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::PublicKey key,
                             crypto::PublicKey::Parse(request.spki_der()));
  const std::string spki_sha256 = crypto::Sha256(request.spki_der());
  BIRTHMARK_RETURN_IF_ERROR(with_.key_challenges.Check(
      request.challenge(), spki_sha256, with_.clock.Now()));
  if (!key.Verify(crypto::DefaultSignatureAlgorithm(key.algorithm()),
                  request.challenge(), request.signature())) {
    return MakeError(absl::StatusCode::kPermissionDenied,
                     reasons::kSignatureInvalid,
                     "the signature over the challenge is not this key's",
                     {{"resource", HexEncode(spki_sha256)}});
  }
  storage::RevocationRow row;
  row.actor = context.caller().actor;
  row.revoke_time = NowSeconds(with_.clock);
  row.update_time = row.revoke_time;
  const auto mutation_for = [&](const storage::RevocationRow& stored) {
    storage::Mutation mutation;
    mutation.audit.push_back(audit::NewEntry(
        with_.clock, row.actor, "certificate.revoke", CertificateName(stored),
        {{"reason", certificate::v1::RevocationReason_Name(
                        certificate::v1::REVOCATION_REASON_KEY_COMPROMISE)},
         {"key", HexEncode(spki_sha256)},
         {"proof", "possession"}}));
    return mutation;
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::RevocationRow stored,
      with_.revocations.RevokeKey(spki_sha256, row, mutation_for));
  barrier_.Settle();
  metrics_.keys_reported.Increment();
  pb::ReportKeyCompromiseResponse response;
  *response.mutable_revocation() = ToProto(stored);
  return response;
}

}  // namespace birthmark::registration
