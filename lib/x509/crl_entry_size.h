#ifndef BIRTHMARK_LIB_X509_CRL_ENTRY_SIZE_H_
#define BIRTHMARK_LIB_X509_CRL_ENTRY_SIZE_H_

namespace birthmark::x509 {

// CrlEntrySize returns how many octets an entry of a CRL takes (RFC 5280, 5.1,
// revokedCertificates), whose serial number is one of ours. Pure function.
int CrlEntrySize(int reason, bool has_invalidity_time);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CRL_ENTRY_SIZE_H_
