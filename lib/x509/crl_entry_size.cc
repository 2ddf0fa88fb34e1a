#include "lib/x509/crl_entry_size.h"

namespace birthmark::x509 {

int CrlEntrySize(int reason, bool has_invalidity_time) {
  // A SEQUENCE of a serial number of 16 octets and a UTCTime.
  constexpr int kEntry = 2 + (2 + 16) + (2 + 13);
  // Extensions: a SEQUENCE each of an OID and an OCTET STRING, which holds an
  // ENUMERATED or a GeneralizedTime.
  constexpr int kReason = 2 + 5 + 2 + 3;
  constexpr int kInvalidityTime = 2 + 5 + 2 + 17;
  const int extensions =
      (reason == 0 ? 0 : kReason) + (has_invalidity_time ? kInvalidityTime : 0);
  return kEntry + (extensions == 0 ? 0 : 2 + extensions);
}

}  // namespace birthmark::x509
