#include "lib/base/error.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  const x509::TestCa ca;
  const auto hashes = x509::OcspIssuerHashes::Of(*ca.issuer);
  const std::string sha1 =
      hashes.CertIdDer(x509::OcspHash::kSha1, x509::TestSerial(7));
  const std::string sha256 =
      hashes.CertIdDer(x509::OcspHash::kSha256, x509::TestSerial(8));
  return {*x509::BuildOcspRequest({sha1}, std::nullopt),
          *x509::BuildOcspRequest({sha256, sha1}, "0123456789abcdef")};
}

}  // namespace birthmark::fuzz

// What parses asks about something, points into its own bytes, and can be
// asked again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::x509::OcspRequest;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto request = OcspRequest::Parse(input);
  if (!request.ok()) {
    FUZZ_CHECK(!birthmark::Reason(request.status()).empty());
    return 0;
  }
  FUZZ_CHECK(!request->cert_ids().empty() && request->cert_ids().size() <= 16);
  std::vector<std::string> ids;
  for (const auto& id : request->cert_ids()) {
    FUZZ_CHECK(id.der.data() >= input.data() &&
               id.der.data() + id.der.size() <= input.data() + input.size());
    FUZZ_CHECK(id.serial.size() <= 20);
    ids.emplace_back(id.der);
  }
  const auto again = birthmark::x509::BuildOcspRequest(ids, request->nonce());
  FUZZ_CHECK(again.ok());
  const auto reread = OcspRequest::Parse(*again);
  FUZZ_CHECK(reread.ok() && reread->nonce() == request->nonce());
  FUZZ_CHECK(reread->cert_ids().size() == ids.size());
  return 0;
}
