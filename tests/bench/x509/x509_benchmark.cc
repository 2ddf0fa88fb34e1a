// What lib/x509 costs on the issuing path, with the two operations that bound
// it (one verification, one signature) measured in the same run.
#include "benchmark/benchmark.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/chain.h"
#include "lib/x509/csr.h"
#include "lib/x509/lint.h"
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

}  // namespace
}  // namespace birthmark::x509

BENCHMARK_MAIN();
