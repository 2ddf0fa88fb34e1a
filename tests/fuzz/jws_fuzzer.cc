#include "lib/base/error.h"
#include "lib/x509/jws.h"
#include "lib/x509/oid.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {
namespace {

using crypto::KeyAlgorithm;

constexpr KeyAlgorithm kKinds[] = {KeyAlgorithm::kP256, KeyAlgorithm::kP384,
                                   KeyAlgorithm::kEd25519, KeyAlgorithm::kRsa};

const x509::TestCa& Ca() {
  static const x509::TestCa* ca = new x509::TestCa();
  return *ca;
}

std::string Sign(const x509::TestKey& key, const x509::JwsHeader& header) {
  const KeyAlgorithm kind = key.public_key().algorithm();
  const std::string input =
      x509::JwsSigningInput(kind, header, R"({"type":"example"})");
  return *x509::AssembleJws(kind, input, key.Sign(input));
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  x509::JwsHeader header;
  for (const KeyAlgorithm kind : kKinds) {
    seeds.push_back(Sign(x509::TestKey::Shared(kind), header));
  }
  const x509::TestKey& key = x509::TestKey::Shared(KeyAlgorithm::kP256);
  const std::string spki = key.spki_der();
  x509::CertificateTemplateSpec spec = Ca().LeafSpec();
  spec.extended_key_usages = {x509::Oid(x509::oids::kDocumentSigning)};
  header.type = "example+jws";
  header.key_id = "1";
  header.chain_der = {
      x509::Issue(spec, x509::OcspResponderVariables(spki), Ca().issuer_key)
          ->der,
      (*Ca().issuer)->der};
  seeds.push_back(Sign(key, header));
  return seeds;
}

}  // namespace birthmark::fuzz

// What parses has an algorithm, and no key but one of its kind verifies it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::fuzz::kKinds;
  using birthmark::x509::TestKey;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto jws = birthmark::x509::Jws::Parse(input);
  if (!jws.ok()) {
    FUZZ_CHECK(!birthmark::Reason(jws.status()).empty());
    return 0;
  }
  for (const auto kind : kKinds) {
    const absl::Status verified =
        jws->Verify(TestKey::Shared(kind).public_key());
    FUZZ_CHECK(verified.ok() ? kind == jws->key_algorithm()
                             : !birthmark::Reason(verified).empty());
  }
  const std::vector<birthmark::x509::Certificate> roots = {
      *birthmark::fuzz::Ca().root};
  const auto chain = jws->VerifyWithBundle(roots, birthmark::x509::TestTime());
  FUZZ_CHECK(chain.ok() || !birthmark::Reason(chain.status()).empty());
  return 0;
}
