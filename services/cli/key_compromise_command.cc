#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/public_key.h"
#include "lib/keys/local_key.h"
#include "lib/x509/certificate.h"
#include "lib/x509/pem.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using revocation::v1::CreateKeyChallengeRequest;
using revocation::v1::KeyChallenge;
using revocation::v1::ReportKeyCompromiseRequest;
using revocation::v1::ReportKeyCompromiseResponse;

constexpr mode_t kPublic = 0644;

absl::Status Malformed(const std::string& path, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
                   absl::StrCat(path, ": ", what), {{"path", path}});
}

absl::StatusOr<std::string> Read(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) {
    return FileError(bytes.status(), path);
  }
  return bytes;
}

// The key in `path`. Who else may read the file does not matter: it is out.
absl::StatusOr<std::unique_ptr<keys::LocalKey>> PrivateKeyIn(
    const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string pem, Read(path));
  absl::StatusOr<std::unique_ptr<keys::LocalKey>> key =
      keys::LocalKey::FromPem(pem);
  if (!key.ok()) {
    return Malformed(path, OneLine(key.status().message()));
  }
  return key;
}

// The public key in `path`: a key or a certificate, PEM, or a key in DER.
absl::StatusOr<crypto::PublicKey> PublicKeyIn(const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string bytes, Read(path));
  if (absl::StrContains(bytes, "-----BEGIN CERTIFICATE-----")) {
    const auto certificates = x509::Certificate::ParsePem(bytes);
    if (!certificates.ok()) {
      return Malformed(path, OneLine(certificates.status().message()));
    }
    return certificates->front().public_key();
  }
  const absl::StatusOr<std::string> der =
      x509::PemOrDer(bytes, x509::kPemPublicKey);
  absl::StatusOr<crypto::PublicKey> key =
      der.ok() ? crypto::PublicKey::Parse(*der)
               : absl::StatusOr<crypto::PublicKey>(der.status());
  if (!key.ok()) {
    return Malformed(path, absl::StrCat("no public key and no certificate: ",
                                        OneLine(key.status().message())));
  }
  return key;
}

absl::StatusOr<KeyChallenge> Challenge(rpc::Channel& channel,
                                       const crypto::PublicKey& key) {
  CreateKeyChallengeRequest request;
  request.set_spki_der(std::string(key.spki_der()));
  return channel.Unary<KeyChallenge>(
      "birthmark.revocation.v1.RevocationService.CreateKeyChallenge", request);
}

absl::Status Confirm(const crypto::PublicKey& key, const Arguments& args,
                     Context& context) {
  if (args.Switch("--yes")) {
    return absl::OkStatus();
  }
  PrintFields(context.err, {{"Key", key.Id()}});
  return Ask(
      "Its certificate is revoked for good, and the key is never certified "
      "again. Report it?",
      context);
}

absl::StatusOr<int> Send(rpc::Channel& channel, const crypto::PublicKey& key,
                         std::string challenge, std::string signature,
                         Context& context) {
  ReportKeyCompromiseRequest request;
  request.set_spki_der(std::string(key.spki_der()));
  request.set_challenge(std::move(challenge));
  request.set_signature(std::move(signature));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel.Unary<ReportKeyCompromiseResponse>(
          "birthmark.revocation.v1.RevocationService.ReportKeyCompromise",
          request));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  const revocation::v1::Revocation& revocation = response.revocation();
  PrintFields(context.out, {{"Revoked", revocation.certificate()},
                            {"Reason", ReasonText(revocation.reason())},
                            {"At", TimeText(revocation.revoke_time())},
                            {"Blocked for ever", key.Id()}});
  return kExitOk;
}

// What signs, by the kind of the key: RFC 8410 keys take no digest.
std::string SignCommand(const crypto::PublicKey& key, const std::string& file) {
  if (key.algorithm() == crypto::KeyAlgorithm::kEd25519) {
    return absl::StrCat("openssl pkeyutl -sign -rawin -inkey KEY.pem -in ",
                        file, " -out signature");
  }
  return absl::StrCat(
      "openssl dgst ",
      key.algorithm() == crypto::KeyAlgorithm::kP384 ? "-sha384" : "-sha256",
      " -sign KEY.pem -out signature ", file);
}

absl::StatusOr<int> WriteChallenge(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::PublicKey key,
                             PublicKeyIn(args.Text("--spki")));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const KeyChallenge challenge,
                             Challenge(*channel, key));
  const std::string path = args.Text("--challenge-out");
  BIRTHMARK_RETURN_IF_ERROR(FileError(
      WriteFileAtomically(path, challenge.challenge(), kPublic), path));
  if (context.json) {
    PrintJson(context.out, challenge);
    return kExitOk;
  }
  PrintFields(context.out, {{"Key", key.Id()},
                            {"Challenge", path},
                            {"Good until", TimeText(challenge.expire_time())}});
  context.out << "\nNothing is revoked yet. Next:\n  " << SignCommand(key, path)
              << "\n  birthmark certificate report-compromise --spki "
              << args.Text("--spki") << " --challenge " << path
              << " --signature signature\n";
  return kExitOk;
}

absl::StatusOr<int> SendSignature(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::PublicKey key,
                             PublicKeyIn(args.Text("--spki")));
  BIRTHMARK_ASSIGN_OR_RETURN(std::string challenge,
                             Read(args.Text("--challenge")));
  BIRTHMARK_ASSIGN_OR_RETURN(std::string signature,
                             Read(args.Text("--signature")));
  BIRTHMARK_RETURN_IF_ERROR(Confirm(key, args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  return Send(*channel, key, std::move(challenge), std::move(signature),
              context);
}

absl::StatusOr<int> SignAndSend(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::unique_ptr<keys::LocalKey> key,
                             PrivateKeyIn(args.Text("--key")));
  BIRTHMARK_RETURN_IF_ERROR(Confirm(key->public_key(), args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(KeyChallenge challenge,
                             Challenge(*channel, key->public_key()));
  BIRTHMARK_ASSIGN_OR_RETURN(std::string signature,
                             key->Sign(challenge.challenge()));
  return Send(*channel, key->public_key(), challenge.challenge(),
              std::move(signature), context);
}

absl::StatusOr<int> Report(const Arguments& args, Context& context) {
  const bool key = args.Has("--key");
  const bool spki = args.Has("--spki");
  const bool out = args.Has("--challenge-out");
  const bool challenge = args.Has("--challenge");
  const bool signature = args.Has("--signature");
  if (key && !spki && !out && !challenge && !signature) {
    return SignAndSend(args, context);
  }
  if (!key && spki && out && !challenge && !signature) {
    return WriteChallenge(args, context);
  }
  if (!key && spki && !out && challenge && signature) {
    return SendSignature(args, context);
  }
  return UsageError(
      "give --key FILE; or --spki FILE --challenge-out FILE first and --spki "
      "FILE --challenge FILE --signature FILE then");
}

}  // namespace

std::vector<Command> KeyCompromiseCommands() {
  return {
      {.path = "certificate report-compromise",
       .summary = "Reports that a private key is in wrong hands, by using it.",
       .details =
           "Whoever can sign with a key may report it: its certificate is "
           "revoked for\n"
           "keyCompromise, and the key is blocked for ever. Where the key "
           "cannot be read\n"
           "(a TPM, an HSM), get a challenge, sign it there, and send the "
           "signature.",
       .examples = "birthmark certificate report-compromise --key leaked.pem\n"
                   "birthmark certificate report-compromise --spki device.pem "
                   "--challenge-out challenge\n"
                   "birthmark certificate report-compromise --spki device.pem "
                   "--challenge challenge --signature signature",
       .params = {{.name = "--key",
                   .value = "FILE",
                   .help = "the private key: PEM, PKCS#8"},
                  {.name = "--spki",
                   .value = "FILE",
                   .help = "its public key, or its certificate"},
                  {.name = "--challenge-out",
                   .value = "FILE",
                   .help = "write the octets to sign here"},
                  {.name = "--challenge",
                   .value = "FILE",
                   .help = "the octets that were signed"},
                  {.name = "--signature",
                   .value = "FILE",
                   .help = "the signature, as openssl writes it"},
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  {.name = "--identity",
                   .value = "DIR",
                   .help = "who reports: an operator's, line's or device's "
                           "folder [default: $BIRTHMARK_IDENTITY, else "
                           "./operator]"}},
       .run = Report},
  };
}

}  // namespace birthmark::cli
