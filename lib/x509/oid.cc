#include "lib/x509/oid.h"

#include "lib/base/error.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"
#include "openssl/mem.h"

namespace birthmark::x509 {
namespace {

absl::Status Malformed() {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kOidMalformed,
                   "not an object identifier");
}

}  // namespace

absl::StatusOr<Oid> Oid::FromText(absl::string_view text) {
  // No identifier in use comes near; the bound keeps a hostile one cheap.
  constexpr size_t kMaxText = 256;
  internal::Writer writer(32);
  if (text.size() > kMaxText ||
      !CBB_add_asn1_oid_from_text(writer.cbb(), text.data(), text.size())) {
    return Malformed();
  }
  Oid oid(writer.Take());
  return oid;
}

absl::StatusOr<Oid> Oid::FromContent(absl::string_view content) {
  const CBS cbs = internal::ToCbs(content);
  if (!CBS_is_valid_asn1_oid(&cbs)) {
    return Malformed();
  }
  return Oid(content);
}

std::string Oid::Text() const {
  const CBS cbs = internal::ToCbs(content_);
  bssl::UniquePtr<char> text(CBS_asn1_oid_to_text(&cbs));
  return text == nullptr ? "" : std::string(text.get());
}

}  // namespace birthmark::x509
