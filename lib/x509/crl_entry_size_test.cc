#include "lib/x509/crl_entry_size.h"

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "lib/base/testing.h"
#include "lib/x509/crl.h"
#include "lib/x509/name.h"

namespace birthmark::x509 {
namespace {

// A CRL of enough entries that one more changes no length around them.
size_t CrlSize(int entries, int reason, bool has_invalidity_time) {
  CrlSpec spec;
  spec.issuer_name_der = *DistinguishedName().CommonName("x").ToDer();
  spec.issuer_key_id = std::string(20, 'k');
  spec.number = 1;
  spec.this_update = absl::FromUnixSeconds(1795000000);
  spec.next_update = spec.this_update + absl::Hours(1);
  for (int i = 0; i < entries; ++i) {
    CrlEntry entry;
    entry.serial = std::string(15, '\x01') + static_cast<char>(i + 1);
    entry.revocation_time = spec.this_update;
    entry.reason = static_cast<RevocationReason>(reason);
    if (has_invalidity_time) {
      entry.invalidity_time = spec.this_update;
    }
    spec.entries.push_back(entry);
  }
  return BuildCrlTbs(spec)->size();
}

TEST(CrlEntrySizeTest, IsThatOfTheRealOnes) {
  for (int reason : {0, 1, 9}) {
    for (bool has_invalidity_time : {false, true}) {
      EXPECT_EQ(CrlSize(101, reason, has_invalidity_time) -
                    CrlSize(100, reason, has_invalidity_time),
                CrlEntrySize(reason, has_invalidity_time));
    }
  }
}

}  // namespace
}  // namespace birthmark::x509
