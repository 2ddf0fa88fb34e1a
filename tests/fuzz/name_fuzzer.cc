#include "lib/x509/general_names.h"
#include "lib/x509/name.h"
#include "lib/x509/spiffe.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  x509::DistinguishedName name;
  name.Country("DE")
      .Organization("M\xc3\xbcller")
      .Add(x509::oids::kDomainComponent, "example")
      .CommonName("x")
      .SerialNumber("SN-1");
  x509::SubjectAltNames names = x509::IdevidVariables("").subject_alt_names;
  names.uris = {"spiffe://t/service/ca"};
  names.dns_names = {"a.example"};
  names.ip_addresses = {std::string(16, '\1')};
  return {*name.ToDer(), *names.ToDer(), "spiffe://t/fleet/f/device/d",
          "spiffe://example.test/operator/alice"};
}

}  // namespace birthmark::fuzz

// What is read can be written again, and then reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace x509 = birthmark::x509;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);

  const auto name = x509::DistinguishedName::Parse(input);
  if (name.ok()) {
    const auto der = name->ToDer();
    if (der.ok()) {
      const auto again = x509::DistinguishedName::Parse(*der);
      FUZZ_CHECK(again.ok());
      FUZZ_CHECK(again->attributes().size() == name->attributes().size());
    }
    FUZZ_CHECK(name->ToText().find('\n') == std::string::npos);
  }

  const auto names = x509::SubjectAltNames::Parse(input);
  if (names.ok() && names->others == 0) {
    const auto der = names->ToDer();
    FUZZ_CHECK(der.ok() && der->size() == size);
    const auto again = x509::SubjectAltNames::Parse(*der);
    FUZZ_CHECK(again.ok() && again->uris == names->uris &&
               again->dns_names == names->dns_names &&
               again->ip_addresses == names->ip_addresses &&
               again->emails == names->emails &&
               again->hw_module_name == names->hw_module_name);
  }

  const auto id = x509::SpiffeId::Parse(input);
  if (id.ok()) {
    const auto uri = id->ToUri();
    FUZZ_CHECK(uri.ok() && *uri == input);
  }
  return 0;
}
