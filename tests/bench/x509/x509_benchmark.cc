// What lib/x509 costs on the paths of issuing and of revocation, with the two
// operations that bound it (one verification, one signature) measured in the
// same run.
#include <utility>

#include "benchmark/benchmark.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/chain.h"
#include "lib/x509/crl.h"
#include "lib/x509/csr.h"
#include "lib/x509/lint.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/ocsp_response.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

const TestKey& Key() { return TestKey::Shared(crypto::KeyAlgorithm::kP256); }

std::string GoodCsr() {
  CsrRequest request;
  request.subject.CommonName("SN-0001");
  return *CreateCsr(request, Key().spki_der(), Key().algorithm(),
                    Key().SignFunctionOf());
}

std::string IdevidTbs() {
  const std::string spki = Key().spki_der();
  return *CertificateTemplate::New(Ca().LeafSpec())
              ->BuildTbs(IdevidVariables(spki));
}

void BM_ParseCsr(benchmark::State& state) {
  const std::string der = GoodCsr();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Csr::Parse(der));
  }
}
BENCHMARK(BM_ParseCsr);

void BM_VerifyProofOfPossession(benchmark::State& state) {
  const Csr csr = *Csr::Parse(GoodCsr());
  for (auto _ : state) {
    benchmark::DoNotOptimize(csr.VerifyProofOfPossession());
  }
}
BENCHMARK(BM_VerifyProofOfPossession);

void BM_BuildTbs(benchmark::State& state) {
  const auto builder = *CertificateTemplate::New(Ca().LeafSpec());
  const std::string spki = Key().spki_der();
  const CertificateVariables vars = IdevidVariables(spki);
  for (auto _ : state) {
    benchmark::DoNotOptimize(builder.BuildTbs(vars));
  }
}
BENCHMARK(BM_BuildTbs);

void BM_LintTbs(benchmark::State& state) {
  const std::string tbs = IdevidTbs();
  const CertificateTemplateSpec spec = Ca().LeafSpec();
  const LintProfile profile{LintKind::kIdevid, spec.issuer_name_der,
                            spec.issuer_key_id};
  for (auto _ : state) {
    benchmark::DoNotOptimize(LintTbsCertificate(tbs, profile));
  }
}
BENCHMARK(BM_LintTbs);

void BM_Sign(benchmark::State& state) {
  const std::string tbs = IdevidTbs();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Ca().issuer_key.Sign(tbs));
  }
}
BENCHMARK(BM_Sign);

void BM_Assemble(benchmark::State& state) {
  const std::string tbs = IdevidTbs();
  const std::string signature = Ca().issuer_key.Sign(tbs);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        AssembleCertificate(tbs, Ca().issuer_key.algorithm(), signature));
  }
}
BENCHMARK(BM_Assemble);

void BM_ParseCertificate(benchmark::State& state) {
  const std::string tbs = IdevidTbs();
  const std::string der = *AssembleCertificate(tbs, Ca().issuer_key.algorithm(),
                                               Ca().issuer_key.Sign(tbs));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Certificate::Parse(der));
  }
}
BENCHMARK(BM_ParseCertificate);

void BM_TrustStoreVerify(benchmark::State& state) {
  const std::string spki = Key().spki_der();
  const Certificate leaf =
      Issue(Ca().LeafSpec(), LdevidVariables(spki), Ca().issuer_key);
  const TrustStore store = *TrustStore::New({*Ca().issuer}, {*Ca().root});
  const ChainOptions options{TestTime(), oids::kClientAuth};
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.Verify(leaf, options));
  }
}
BENCHMARK(BM_TrustStoreVerify);

void BM_ParseOcspRequest(benchmark::State& state) {
  const std::string der =
      *BuildOcspRequest({OcspIssuerHashes::Of(*Ca().issuer)
                             .CertIdDer(OcspHash::kSha1, TestSerial(7))},
                        "0123456789abcdef");
  for (auto _ : state) {
    benchmark::DoNotOptimize(OcspRequest::Parse(der));
  }
}
BENCHMARK(BM_ParseOcspRequest);

// All of an OCSP response but its signature.
void BM_BuildOcspResponse(benchmark::State& state) {
  const std::string id = OcspIssuerHashes::Of(*Ca().issuer)
                             .CertIdDer(OcspHash::kSha1, TestSerial(7));
  const std::string spki = Key().spki_der();
  const OcspResponder responder = *OcspResponder::New(
      {Issue(Ca().LeafSpec(), OcspResponderVariables(spki), Ca().issuer_key)});
  OcspAnswer answer;
  answer.cert_id.der = id;
  answer.status = OcspCertStatus::kRevoked;
  answer.reason = RevocationReason::kKeyCompromise;
  answer.revocation_time = TestTime();
  answer.this_update = TestTime();
  answer.next_update = TestTime() + absl::Hours(1);
  const std::string signature = Key().Sign(id);
  for (auto _ : state) {
    const auto tbs =
        responder.BuildTbs({answer}, TestTime(), "0123456789abcdef");
    benchmark::DoNotOptimize(responder.Assemble(*tbs, signature));
  }
}
BENCHMARK(BM_BuildOcspResponse);

// A shard of 20,000 entries.
CrlSpec FullShard() {
  CrlSpec spec;
  spec.issuer_name_der = std::string(Ca().issuer.value()->subject_der);
  spec.issuer_key_id = *Ca().issuer.value()->subject_key_id;
  spec.number = 7;
  spec.this_update = TestTime();
  spec.next_update = TestTime() + absl::Hours(24);
  spec.shard_uri = CrlShardUri("http://crl.example/idevid", 3);
  for (int i = 0; i < 20000; ++i) {
    CrlEntry entry;
    entry.serial = TestSerial(i);
    entry.revocation_time = TestTime() - absl::Seconds(i);
    entry.reason = RevocationReason::kKeyCompromise;
    spec.entries.push_back(std::move(entry));
  }
  return spec;
}

std::string FullShardDer() {
  const CrlSpec spec = FullShard();
  const std::string tbs = *BuildCrlTbs(spec);
  return *AssembleCrl(tbs, spec.signature_algorithm, Key().Sign(tbs));
}

void BM_BuildFullShard(benchmark::State& state) {
  const CrlSpec spec = FullShard();
  for (auto _ : state) {
    benchmark::DoNotOptimize(BuildCrlTbs(spec));
  }
}
BENCHMARK(BM_BuildFullShard)->Unit(benchmark::kMillisecond);

void BM_ParseFullShard(benchmark::State& state) {
  const std::string der = FullShardDer();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Crl::Parse(der));
  }
}
BENCHMARK(BM_ParseFullShard)->Unit(benchmark::kMillisecond);

// One more entry and one less, from the bytes of the shard before.
void BM_NextFullShard(benchmark::State& state) {
  const std::string der = FullShardDer();
  CrlSpec spec = FullShard();
  spec.entries.erase(spec.entries.begin() + 1, spec.entries.end());
  spec.entries[0].serial = TestSerial(12345);
  for (auto _ : state) {
    const auto previous = Crl::Parse(der);
    benchmark::DoNotOptimize(
        BuildNextCrlTbs(spec, *previous, {TestSerial(777)}));
  }
}
BENCHMARK(BM_NextFullShard)->Unit(benchmark::kMillisecond);

void BM_LintFullShard(benchmark::State& state) {
  const std::string tbs = *BuildCrlTbs(FullShard());
  for (auto _ : state) {
    benchmark::DoNotOptimize(LintTbsCrl(tbs, LintProfile()));
  }
}
BENCHMARK(BM_LintFullShard)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace birthmark::x509

BENCHMARK_MAIN();
