#include "lib/x509/pem.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  const std::string one = x509::PemEncode(x509::kPemCsr, std::string(100, 'x'));
  return {one, "text\r\n" + one + "more\n" +
                   x509::PemEncode(x509::kPemCertificate, "0123456789")};
}

}  // namespace birthmark::fuzz

// What is decoded can be encoded again, and then decodes to the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace x509 = birthmark::x509;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  x509::PemOrDer(input, x509::kPemCsr).IgnoreError();
  const auto blocks = x509::PemDecode(input);
  if (!blocks.ok()) {
    return 0;
  }
  std::string text;
  for (const auto& block : *blocks) {
    FUZZ_CHECK(!block.label.empty() && !block.der.empty());
    text += x509::PemEncode(block.label, block.der);
  }
  const auto again = x509::PemDecode(text);
  FUZZ_CHECK(again.ok() && again->size() == blocks->size());
  for (size_t i = 0; i < blocks->size(); ++i) {
    FUZZ_CHECK((*again)[i].label == (*blocks)[i].label &&
               (*again)[i].der == (*blocks)[i].der);
  }
  return 0;
}
