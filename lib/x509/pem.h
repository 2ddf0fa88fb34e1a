// pem turns DER into the textual encoding of RFC 7468 and back.
//
// Reading is strict inside a block (matching labels, no headers, canonical
// base64) and lenient outside of it: text before, between and after blocks is
// skipped, since `openssl ... -text` writes it. All functions are pure.
#ifndef BIRTHMARK_LIB_X509_PEM_H_
#define BIRTHMARK_LIB_X509_PEM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace birthmark::x509 {

inline constexpr absl::string_view kPemCertificate = "CERTIFICATE";
inline constexpr absl::string_view kPemCsr = "CERTIFICATE REQUEST";
inline constexpr absl::string_view kPemCrl = "X509 CRL";
inline constexpr absl::string_view kPemPublicKey = "PUBLIC KEY";

inline constexpr size_t kPemDefaultLimit = size_t{4} << 20;

struct PemBlock {
  std::string label;
  std::string der;
};

// PemEncode returns one block with lines of 64 characters.
std::string PemEncode(absl::string_view label, absl::string_view der);

// PemEncodeAll returns one block for each of `ders`, in order.
std::string PemEncodeAll(absl::string_view label,
                         absl::Span<const std::string> ders);

// PemDecode returns every block of `text`, which may have none. Text longer
// than `limit` and spoiled blocks are kInvalidArgument / PEM_MALFORMED.
absl::StatusOr<std::vector<PemBlock>> PemDecode(
    absl::string_view text, size_t limit = kPemDefaultLimit);

// PemDecodeAll returns the contents of the blocks labelled `label`, at least
// one; other blocks are skipped. kInvalidArgument / PEM_MALFORMED.
absl::StatusOr<std::vector<std::string>> PemDecodeAll(
    absl::string_view text, absl::string_view label,
    size_t limit = kPemDefaultLimit);

// PemDecodeOne is PemDecodeAll for exactly one block. OpenSSL's old label
// "NEW CERTIFICATE REQUEST" is taken for kPemCsr.
absl::StatusOr<std::string> PemDecodeOne(absl::string_view text,
                                         absl::string_view label,
                                         size_t limit = kPemDefaultLimit);

// PemOrDer returns the one block labelled `label` if `bytes` is PEM, and
// `bytes` itself otherwise, for the DER parser to judge.
// kInvalidArgument / PEM_MALFORMED.
absl::StatusOr<std::string> PemOrDer(absl::string_view bytes,
                                     absl::string_view label,
                                     size_t limit = kPemDefaultLimit);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_PEM_H_
