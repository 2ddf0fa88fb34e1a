#include "lib/x509/testing.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/x509/der.h"
#include "openssl/ec_key.h"
#include "openssl/evp.h"
#include "openssl/mem.h"
#include "openssl/nid.h"
#include "openssl/rsa.h"

namespace birthmark::x509 {
namespace {

// A deep enough tree for every certificate, so that garbage cannot recurse.
constexpr int kMaxDepth = 32;

void Check(bool ok, absl::string_view what) {
  if (!ok) {
    std::fprintf(stderr, "testing.cc: %s\n", std::string(what).c_str());
    std::abort();
  }
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  Check(value.ok(), value.status().ToString());
  return *std::move(value);
}

bssl::UniquePtr<EVP_PKEY> Generate(crypto::KeyAlgorithm algorithm) {
  bssl::UniquePtr<EVP_PKEY_CTX> context;
  switch (algorithm) {
    case crypto::KeyAlgorithm::kP256:
    case crypto::KeyAlgorithm::kP384: {
      const bool p256 = algorithm == crypto::KeyAlgorithm::kP256;
      bssl::UniquePtr<EC_KEY> key(EC_KEY_new_by_curve_name(
          p256 ? NID_X9_62_prime256v1 : NID_secp384r1));
      bssl::UniquePtr<EVP_PKEY> pkey(EVP_PKEY_new());
      Check(EC_KEY_generate_key(key.get()) &&
                EVP_PKEY_set1_EC_KEY(pkey.get(), key.get()),
            "no EC key");
      return pkey;
    }
    case crypto::KeyAlgorithm::kEd25519:
      context.reset(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
      Check(EVP_PKEY_keygen_init(context.get()), "no Ed25519 key");
      break;
    case crypto::KeyAlgorithm::kRsa:
      context.reset(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
      Check(EVP_PKEY_keygen_init(context.get()) &&
                EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048),
            "no RSA key");
      break;
  }
  EVP_PKEY* pkey = nullptr;
  Check(EVP_PKEY_keygen(context.get(), &pkey), "no key");
  return bssl::UniquePtr<EVP_PKEY>(pkey);
}

const EVP_MD* DigestOf(crypto::SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case crypto::SignatureAlgorithm::kEcdsaSha256:
    case crypto::SignatureAlgorithm::kRsaPkcs1Sha256:
      return EVP_sha256();
    case crypto::SignatureAlgorithm::kEcdsaSha384:
    case crypto::SignatureAlgorithm::kRsaPkcs1Sha384:
      return EVP_sha384();
    default:
      return nullptr;
  }
}

DerNode ParseNode(CBS* in, int depth) {
  DerNode node;
  CBS content;
  CBS_ASN1_TAG tag = 0;
  Check(depth < kMaxDepth && CBS_get_any_asn1(in, &content, &tag),
        "a tree is made of strict DER only");
  node.tag = tag;
  node.constructed = (tag & CBS_ASN1_CONSTRUCTED) != 0;
  if (!node.constructed) {
    node.content = std::string(internal::View(content));
  }
  while (node.constructed && CBS_len(&content) != 0) {
    node.children.push_back(ParseNode(&content, depth + 1));
  }
  return node;
}

void EncodeNode(const DerNode& node, CBB* out) {
  if (node.raw.has_value()) {
    Check(internal::AddBytes(out, *node.raw), "cannot encode");
    return;
  }
  CBB content;
  Check(CBB_add_asn1(out, &content, node.tag) &&
            internal::AddBytes(&content, node.content),
        "cannot encode");
  for (const DerNode& child : node.children) {
    EncodeNode(child, &content);
  }
  Check(CBB_flush(out), "cannot encode");
}

}  // namespace

struct TestKey::Impl {
  bssl::UniquePtr<EVP_PKEY> key;
};

TestKey::TestKey(crypto::KeyAlgorithm algorithm) {
  auto impl = std::make_shared<Impl>();
  impl->key = Generate(algorithm);
  internal::Writer spki(512);
  Check(EVP_marshal_public_key(spki.cbb(), impl->key.get()), "no SPKI");
  public_key_ = Must(crypto::PublicKey::Parse(spki.Take()));
  impl_ = std::move(impl);
}

const TestKey& TestKey::Shared(crypto::KeyAlgorithm algorithm) {
  static const TestKey* p256 = new TestKey(crypto::KeyAlgorithm::kP256);
  switch (algorithm) {
    case crypto::KeyAlgorithm::kP256:
      break;
    case crypto::KeyAlgorithm::kP384: {
      static const TestKey* p384 = new TestKey(algorithm);
      return *p384;
    }
    case crypto::KeyAlgorithm::kEd25519: {
      static const TestKey* ed25519 = new TestKey(algorithm);
      return *ed25519;
    }
    case crypto::KeyAlgorithm::kRsa: {
      static const TestKey* rsa = new TestKey(algorithm);
      return *rsa;
    }
  }
  return *p256;
}

crypto::SignatureAlgorithm TestKey::algorithm() const {
  return crypto::DefaultSignatureAlgorithm(public_key_->algorithm());
}

std::string TestKey::Sign(absl::string_view message) const {
  bssl::ScopedEVP_MD_CTX context;
  size_t size = 0;
  const uint8_t* data = internal::Bytes(message);
  Check(EVP_DigestSignInit(context.get(), nullptr, DigestOf(algorithm()),
                           nullptr, impl_->key.get()) &&
            EVP_DigestSign(context.get(), nullptr, &size, data, message.size()),
        "cannot sign");
  std::string signature(size, '\0');
  Check(EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(&signature[0]),
                       &size, data, message.size()),
        "cannot sign");
  signature.resize(size);
  return signature;
}

SignFunction TestKey::SignFunctionOf() const {
  return [key = *this](absl::string_view message) {
    return absl::StatusOr<std::string>(key.Sign(message));
  };
}

absl::Time TestTime() {
  return absl::FromCivil(absl::CivilSecond(2026), absl::UTCTimeZone());
}

std::string TestSerial(int number) {
  std::string serial("\x01\x9b\x76\xda\xb4\x00\x11\x22\x33\x44\x55\x66\x77\x88",
                     14);
  serial.push_back(static_cast<char>(number >> 8));
  serial.push_back(static_cast<char>(number));
  return serial;
}

Certificate Issue(const CertificateTemplateSpec& spec,
                  const CertificateVariables& vars, const TestKey& key) {
  const CertificateTemplate builder = Must(CertificateTemplate::New(spec));
  const std::string tbs = Must(builder.BuildTbs(vars));
  return Must(Certificate::Parse(
      Must(AssembleCertificate(tbs, spec.signature_algorithm, key.Sign(tbs)))));
}

TestCa::TestCa(absl::string_view ca_name)
    : root_key(crypto::KeyAlgorithm::kP384),
      issuer_key(crypto::KeyAlgorithm::kP256),
      name(ca_name) {
  root = Issue(RootSpec(), RootVariables(), root_key);
  issuer = Issue(IssuerSpec(), IssuerVariables(), root_key);
}

CertificateTemplateSpec TestCa::RootSpec() const {
  CertificateTemplateSpec spec;
  spec.signature_algorithm = root_key.algorithm();
  spec.issuer_name_der = Must(RootVariables().subject.ToDer());
  spec.basic_constraints = BasicConstraints{true, std::nullopt};
  spec.key_usage = kKeyUsageKeyCertSign | kKeyUsageCrlSign;
  return spec;
}

CertificateVariables TestCa::RootVariables() const {
  CertificateVariables vars;
  static const std::string* serial = new std::string(TestSerial(1));
  vars.serial = *serial;
  vars.not_before = TestTime() - absl::Hours(24);
  vars.not_after = TestTime() + 30 * 365 * absl::Hours(24);
  vars.subject.Organization("Example").CommonName(absl::StrCat(name, " Root"));
  vars.spki_der = root_key.public_key().spki_der();
  return vars;
}

CertificateTemplateSpec TestCa::IssuerSpec() const {
  CertificateTemplateSpec spec = RootSpec();
  spec.issuer_key_id = Must(SubjectKeyId(root_key.spki_der()));
  spec.basic_constraints = BasicConstraints{true, 0};
  return spec;
}

CertificateVariables TestCa::IssuerVariables() const {
  CertificateVariables vars = RootVariables();
  static const std::string* serial = new std::string(TestSerial(2));
  vars.serial = *serial;
  vars.not_after = TestTime() + 10 * 365 * absl::Hours(24);
  vars.subject = DistinguishedName();
  vars.subject.Organization("Example").CommonName(
      absl::StrCat(name, " Issuer"));
  vars.spki_der = issuer_key.public_key().spki_der();
  return vars;
}

CertificateTemplateSpec TestCa::LeafSpec() const {
  CertificateTemplateSpec spec;
  spec.signature_algorithm = issuer_key.algorithm();
  spec.issuer_name_der = Must(IssuerVariables().subject.ToDer());
  spec.issuer_key_id = Must(SubjectKeyId(issuer_key.spki_der()));
  spec.key_usage = kKeyUsageDigitalSignature;
  spec.extended_key_usages = {Oid(oids::kClientAuth)};
  return spec;
}

CertificateVariables IdevidVariables(absl::string_view spki_der) {
  CertificateVariables vars;
  static const std::string* serial = new std::string(TestSerial(3));
  vars.serial = *serial;
  vars.not_before = TestTime() - absl::Minutes(5);
  vars.not_after = absl::InfiniteFuture();
  vars.subject.Organization("Example")
      .CommonName("M1 SN-0001")
      .SerialNumber("SN-0001");
  vars.spki_der = spki_der;
  vars.subject_alt_names.hw_module_name = HardwareModuleName{
      Must(Oid::FromText("1.3.6.1.4.1.32473.1.1")), "SN-0001"};
  vars.crl_uri = "http://crl.example/idevid/0.crl";
  return vars;
}

CertificateVariables LdevidVariables(absl::string_view spki_der) {
  CertificateVariables vars = IdevidVariables(spki_der);
  static const std::string* serial = new std::string(TestSerial(4));
  vars.serial = *serial;
  vars.not_after = TestTime() + 90 * absl::Hours(24);
  vars.subject = DistinguishedName();
  vars.subject.CommonName("0197a000-0000-7000-8000-000000000001");
  vars.subject_alt_names = SubjectAltNames();
  vars.subject_alt_names.uris = {
      "spiffe://example.test/fleet/f1/device/"
      "0197a000-0000-7000-8000-000000000001"};
  return vars;
}

CertificateVariables OcspResponderVariables(absl::string_view spki_der) {
  CertificateVariables vars = LdevidVariables(spki_der);
  static const std::string* serial = new std::string(TestSerial(5));
  vars.serial = *serial;
  vars.subject = DistinguishedName();
  vars.subject.CommonName("OCSP responder of test");
  vars.subject_alt_names = SubjectAltNames();
  vars.crl_uri = "";
  return vars;
}

DerNode DerNode::Parse(absl::string_view der) {
  CBS input = internal::ToCbs(der);
  DerNode node = ParseNode(&input, 0);
  Check(CBS_len(&input) == 0, "trailing bytes");
  return node;
}

std::string DerNode::Encode() const {
  internal::Writer writer(1024);
  EncodeNode(*this, writer.cbb());
  return writer.Take();
}

DerNode& DerNode::At(std::initializer_list<size_t> path) {
  DerNode* node = this;
  for (const size_t index : path) {
    Check(index < node->children.size(), "no such child");
    node = &node->children[index];
  }
  return *node;
}

DerNode& FindExtension(DerNode& extensions, absl::string_view oid) {
  for (DerNode& extension : extensions.children) {
    if (extension.At({0}).content == oid) {
      return extension;
    }
  }
  Check(false, "no such extension");
  return extensions;
}

}  // namespace birthmark::x509
