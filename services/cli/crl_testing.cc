#include "services/cli/crl_testing.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/x509/crl.h"

namespace birthmark::cli {

std::string MakeCrl(const x509::TestCa& ca, const TestCrl& crl) {
  x509::CrlSpec spec;
  spec.issuer_name_der = std::string(ca.issuer.value()->subject_der);
  spec.issuer_key_id = *ca.issuer.value()->subject_key_id;
  spec.number = crl.number;
  spec.this_update = crl.this_update;
  spec.next_update = crl.this_update + crl.lifetime;
  if (crl.partitioned) {
    spec.shard_uri = x509::CrlShardUri(
        absl::StrCat("http://crl.example/crl/", crl.issuer), crl.shard);
  }
  if (crl.delta) {
    spec.base_number = 1;
  }
  for (int i = 0; i < crl.entries; ++i) {
    x509::CrlEntry entry;
    entry.serial = x509::TestSerial(i);
    entry.revocation_time = crl.this_update;
    entry.reason = x509::RevocationReason::kKeyCompromise;
    spec.entries.push_back(std::move(entry));
  }
  const std::string tbs = *x509::BuildCrlTbs(spec);
  return *x509::AssembleCrl(tbs, spec.signature_algorithm,
                            ca.issuer_key.Sign(tbs));
}

CrlSet MakeCrlSet(const x509::TestCa& ca) {
  return *CrlSet::New(absl::StrCat(ca.issuer->ToPem(), ca.root->ToPem()),
                      ca.root->ToPem());
}

}  // namespace birthmark::cli
