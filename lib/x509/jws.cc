#include "lib/x509/jws.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/json_object.h"
#include "lib/base/json_string.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ecdsa_signature.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

constexpr size_t kMaxHeader = size_t{32} << 10;
constexpr size_t kMaxCertificates = 8;

struct Algorithm {
  absl::string_view name;
  crypto::KeyAlgorithm key;
  // Octets of r and of s: 0 if it is not ECDSA.
  size_t ecdsa_size;
};

constexpr Algorithm kAlgorithms[] = {
    {"ES256", crypto::KeyAlgorithm::kP256, 32},
    {"ES384", crypto::KeyAlgorithm::kP384, 48},
    {"EdDSA", crypto::KeyAlgorithm::kEd25519, 0},
    {"RS256", crypto::KeyAlgorithm::kRsa, 0},
};

const Algorithm& AlgorithmOf(crypto::KeyAlgorithm key) {
  return *std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                       [key](const Algorithm& row) { return row.key == key; });
}

absl::Status Malformed(absl::string_view where) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kJwsMalformed,
      absl::StrCat("the JWS's ", where, " is not as RFC 7515 says"),
      {{"where", where}});
}

absl::Status SignatureInvalid(absl::string_view text) {
  return MakeError(absl::StatusCode::kPermissionDenied,
                   reasons::kSignatureInvalid, text);
}

void AppendMember(absl::string_view name, absl::string_view value,
                  std::string& json) {
  json += json.empty() ? '{' : ',';
  AppendJsonString(name, json);
  json += ':';
  AppendJsonString(value, json);
}

std::string HeaderJson(absl::string_view algorithm, const JwsHeader& header) {
  std::string json;
  AppendMember("alg", algorithm, json);
  if (!header.key_id.empty()) {
    AppendMember("kid", header.key_id, json);
  }
  if (!header.type.empty()) {
    AppendMember("typ", header.type, json);
  }
  if (!header.chain_der.empty()) {
    json += ",\"x5c\":";
    char before = '[';
    for (const std::string& der : header.chain_der) {
      json += before;
      before = ',';
      AppendJsonString(Base64Encode(der), json);
    }
    json += ']';
  }
  return json + "}";
}

// Reads the member `name`, "" if there is none.
absl::Status ReadText(const nlohmann::json& json, const char* name,
                      std::string* value) {
  const auto member = json.find(name);
  if (member == json.end()) {
    return absl::OkStatus();
  }
  if (!member->is_string()) {
    return Malformed(name);
  }
  *value = member->get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadChain(const nlohmann::json& json,
                       std::vector<std::string>* chain_der) {
  const auto member = json.find("x5c");
  if (member == json.end()) {
    return absl::OkStatus();
  }
  if (!member->is_array() || member->empty() ||
      member->size() > kMaxCertificates) {
    return Malformed("x5c");
  }
  for (const nlohmann::json& entry : *member) {
    if (!entry.is_string()) {
      return Malformed("x5c");
    }
    // Base64, not base64url (RFC 7515 4.1.6).
    absl::StatusOr<std::string> der = Base64Decode(entry.get<std::string>());
    if (!der.ok()) {
      return Malformed("x5c");
    }
    chain_der->push_back(*std::move(der));
  }
  return absl::OkStatus();
}

// `crit` would name extensions that change what a JWS means, and `b64` is one
// (RFC 7797): none is known here.
absl::Status ReadHeader(absl::string_view text, crypto::KeyAlgorithm* key,
                        JwsHeader* header) {
  const absl::StatusOr<nlohmann::json> json = ParseJsonObject(text);
  if (!json.ok()) {
    return Malformed("header");
  }
  for (const char* name : {"crit", "b64"}) {
    if (json->contains(name)) {
      return Malformed(name);
    }
  }
  std::string name;
  BIRTHMARK_RETURN_IF_ERROR(ReadText(*json, "alg", &name));
  const auto* const algorithm =
      std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                   [&name](const Algorithm& row) { return row.name == name; });
  if (algorithm == std::end(kAlgorithms)) {
    return Malformed("alg");
  }
  *key = algorithm->key;
  BIRTHMARK_RETURN_IF_ERROR(ReadText(*json, "typ", &header->type));
  BIRTHMARK_RETURN_IF_ERROR(ReadText(*json, "kid", &header->key_id));
  return ReadChain(*json, &header->chain_der);
}

}  // namespace

std::string JwsSigningInput(crypto::KeyAlgorithm key, const JwsHeader& header,
                            absl::string_view payload) {
  return absl::StrCat(
      Base64UrlEncode(HeaderJson(AlgorithmOf(key).name, header)), ".",
      Base64UrlEncode(payload));
}

absl::StatusOr<std::string> AssembleJws(crypto::KeyAlgorithm key,
                                        absl::string_view signing_input,
                                        absl::string_view signature) {
  const size_t ecdsa_size = AlgorithmOf(key).ecdsa_size;
  std::string raw(signature);
  if (ecdsa_size > 0) {
    absl::StatusOr<std::string> converted =
        crypto::EcdsaDerToRaw(signature, ecdsa_size);
    if (!converted.ok()) {
      return Malformed("signature");
    }
    raw = *std::move(converted);
  }
  if (raw.empty()) {
    return Malformed("signature");
  }
  return absl::StrCat(signing_input, ".", Base64UrlEncode(raw));
}

absl::StatusOr<Jws> Jws::Parse(absl::string_view compact, size_t limit) {
  if (compact.size() > limit) {
    return Malformed("size");
  }
  const std::vector<absl::string_view> parts =
      absl::StrSplit(compact, absl::MaxSplits('.', 3));
  if (parts.size() != 3) {
    return Malformed("form");
  }
  if (parts[0].size() > kMaxHeader / 3 * 4) {
    return Malformed("header");
  }
  const absl::StatusOr<std::string> header = Base64UrlDecode(parts[0]);
  if (!header.ok()) {
    return Malformed("header");
  }
  Jws jws;
  BIRTHMARK_RETURN_IF_ERROR(
      ReadHeader(*header, &jws.key_algorithm_, &jws.header_));
  absl::StatusOr<std::string> payload = Base64UrlDecode(parts[1]);
  if (!payload.ok()) {
    return Malformed("payload");
  }
  absl::StatusOr<std::string> signature = Base64UrlDecode(parts[2]);
  const size_t ecdsa_size = AlgorithmOf(jws.key_algorithm_).ecdsa_size;
  if (!signature.ok() || signature->empty() ||
      (ecdsa_size > 0 && signature->size() != 2 * ecdsa_size)) {
    return Malformed("signature");
  }
  jws.payload_ = *std::move(payload);
  jws.signature_ = *std::move(signature);
  jws.signing_input_ =
      std::string(compact.substr(0, parts[0].size() + 1 + parts[1].size()));
  return jws;
}

absl::Status Jws::Verify(const crypto::PublicKey& key) const {
  if (key.algorithm() != key_algorithm_) {
    return SignatureInvalid(
        absl::StrCat("the JWS says that a key of another kind than ",
                     crypto::KeyAlgorithmName(key.algorithm()), " signed it"));
  }
  std::string signature = signature_;
  if (AlgorithmOf(key_algorithm_).ecdsa_size > 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(signature, crypto::EcdsaRawToDer(signature_));
  }
  if (!key.Verify(crypto::DefaultSignatureAlgorithm(key_algorithm_),
                  signing_input_, signature)) {
    return SignatureInvalid("the JWS was not signed by this key");
  }
  return absl::OkStatus();
}

absl::StatusOr<VerifiedChain> Jws::VerifyWithBundle(
    absl::Span<const Certificate> roots, absl::Time at_time) const {
  if (header_.chain_der.empty()) {
    return Malformed("x5c");
  }
  std::vector<Certificate> chain;
  for (const std::string& der : header_.chain_der) {
    BIRTHMARK_ASSIGN_OR_RETURN(Certificate certificate,
                               Certificate::Parse(der));
    chain.push_back(std::move(certificate));
  }
  const Certificate& signer = chain.front();
  BIRTHMARK_RETURN_IF_ERROR(Verify(signer.public_key()));
  // A certificate that does not say what it is for is not for this.
  const std::vector<Oid>& usages = signer->extended_key_usages;
  if (std::find(usages.begin(), usages.end(), Oid(oids::kDocumentSigning)) ==
      usages.end()) {
    return MakeError(
        absl::StatusCode::kUnauthenticated, reasons::kCertificateUsage,
        absl::StrCat("the certificate ", signer->serial_hex,
                     " is not for signing documents"),
        {{"serial", signer->serial_hex}, {"usage", "documentSigning"}});
  }
  return VerifyChain(signer, absl::MakeConstSpan(chain).subspan(1), roots,
                     {at_time, oids::kDocumentSigning});
}

}  // namespace birthmark::x509
