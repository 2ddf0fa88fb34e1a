// ocsp_internal is what OCSP requests and responses share. Internal to
// lib/x509.
#ifndef BIRTHMARK_LIB_X509_OCSP_INTERNAL_H_
#define BIRTHMARK_LIB_X509_OCSP_INTERNAL_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "lib/x509/der.h"
#include "lib/x509/ocsp_cert_id.h"

namespace birthmark::x509::internal {

// ReadCertId takes one CertID off `in`.
bool ReadCertId(CBS* in, OcspCertId* out);

// ReadNonce reads the content of a nonce extension: one OCTET STRING, of any
// length (RFC 9654 2.1).
bool ReadNonce(absl::string_view value, absl::string_view* nonce);

// AddNonce appends the nonce's Extension.
bool AddNonce(CBB* extensions, absl::string_view nonce);

// IsNonceSize says whether a nonce may have `size` octets (RFC 9654 2.1).
bool IsNonceSize(size_t size);

}  // namespace birthmark::x509::internal

#endif  // BIRTHMARK_LIB_X509_OCSP_INTERNAL_H_
