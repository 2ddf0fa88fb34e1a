#include "lib/base/error.h"
#include "lib/x509/crl.h"
#include "lib/x509/lint.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  const x509::TestCa ca;
  x509::CrlSpec spec;
  spec.issuer_name_der = std::string(ca.issuer.value()->subject_der);
  spec.issuer_key_id = *ca.issuer.value()->subject_key_id;
  spec.number = 77;
  spec.this_update = x509::TestTime();
  spec.next_update = x509::TestTime() + absl::Hours(24);
  std::vector<std::string> seeds;
  const auto add = [&] {
    const std::string tbs = *x509::BuildCrlTbs(spec);
    seeds.push_back(*x509::AssembleCrl(tbs, spec.signature_algorithm,
                                       ca.issuer_key.Sign(tbs)));
  };
  add();
  spec.shard_uri = x509::CrlShardUri("http://crl.example/idevid", 0);
  for (int i = 0; i < 4; ++i) {
    x509::CrlEntry entry;
    entry.serial = x509::TestSerial(i);
    entry.revocation_time = x509::TestTime() - absl::Hours(i);
    entry.reason = static_cast<x509::RevocationReason>(i);
    if (i % 2 == 0) {
      entry.invalidity_time = entry.revocation_time;
    }
    spec.entries.push_back(entry);
  }
  add();
  x509::CrlSpec delta = spec;
  spec.freshest_uri = x509::CrlDeltaUri("http://crl.example/idevid", 0);
  add();
  spec = delta;
  spec.base_number = 76;
  spec.entries[3].reason = x509::RevocationReason::kRemoveFromCrl;
  add();
  return seeds;
}

}  // namespace birthmark::fuzz

namespace {

// The next CRL without changes says the same; without its entries, nothing.
void CheckNext(const birthmark::x509::Crl& crl) {
  const auto& fields = crl.fields();
  birthmark::x509::CrlSpec spec;
  spec.issuer_name_der = std::string(fields.issuer_der);
  spec.issuer_key_id = fields.authority_key_id;
  spec.this_update = birthmark::x509::TestTime();
  spec.next_update = birthmark::x509::TestTime() + absl::Hours(1);
  if (fields.shard_uris.size() == 1) {
    spec.shard_uri = fields.shard_uris[0];
  }
  std::vector<std::string> serials;
  birthmark::x509::CrlEntryReader entries = crl.Entries();
  for (birthmark::x509::CrlEntryView entry; entries.Next(&entry);) {
    serials.emplace_back(entry.serial);
  }
  const auto same = BuildNextCrlTbs(spec, crl, {});
  const auto empty = BuildNextCrlTbs(spec, crl, serials);
  FUZZ_CHECK(same.ok() == empty.ok());
  if (same.ok()) {
    FUZZ_CHECK(same->size() >= empty->size() + crl.entries_der().size());
    FUZZ_CHECK(*empty == *birthmark::x509::BuildCrlTbs(spec));
  }
}

}  // namespace

// What parses holds its own entries, the next CRL can be made of it if it is
// one of ours, and the linter finds no malformed DER in it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::x509::Crl;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  birthmark::x509::LintTbsCrl(input, birthmark::x509::LintProfile());
  const auto crl = Crl::Parse(input);
  if (!crl.ok()) {
    FUZZ_CHECK(!birthmark::Reason(crl.status()).empty());
    return 0;
  }
  FUZZ_CHECK(crl->fields().der == input);
  size_t count = 0;
  birthmark::x509::CrlEntryReader entries = crl->Entries();
  for (birthmark::x509::CrlEntryView entry; entries.Next(&entry); ++count) {
    const auto found = crl->Find(entry.serial);
    FUZZ_CHECK(found.has_value() && found->der == entry.der);
  }
  FUZZ_CHECK(!entries.failed() && count == crl->fields().entry_count);
  CheckNext(*crl);
  for (const auto& finding : birthmark::x509::LintTbsCrl(
           crl->fields().tbs, birthmark::x509::LintProfile())) {
    FUZZ_CHECK(finding.rule != "der_malformed");
  }
  return 0;
}
