#include <string>

#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/x509/csr.h"
#include "lib/x509/der.h"

namespace birthmark::x509 {
namespace {

absl::Status Unencodable() {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kCsrMalformed,
                   "the certification request cannot be encoded");
}

// Adds the attribute extensionRequest with a subjectAltName.
bool AddExtensionRequest(CBB* attributes, absl::string_view names_der,
                         bool critical) {
  CBB attribute;
  CBB values;
  CBB extensions;
  CBB extension;
  return CBB_add_asn1(attributes, &attribute, CBS_ASN1_SEQUENCE) &&
         internal::AddElement(&attribute, CBS_ASN1_OBJECT,
                              oids::kExtensionRequest) &&
         CBB_add_asn1(&attribute, &values, CBS_ASN1_SET) &&
         CBB_add_asn1(&values, &extensions, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&extensions, &extension, CBS_ASN1_SEQUENCE) &&
         internal::AddElement(&extension, CBS_ASN1_OBJECT,
                              oids::kSubjectAltName) &&
         (!critical || CBB_add_asn1_bool(&extension, 1)) &&
         internal::AddElement(&extension, CBS_ASN1_OCTETSTRING, names_der) &&
         CBB_flush(attributes);
}

}  // namespace

absl::StatusOr<std::string> CreateCsr(const CsrRequest& request,
                                      absl::string_view spki_der,
                                      crypto::SignatureAlgorithm algorithm,
                                      const SignFunction& sign) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string subject,
                             request.subject.ToDer());
  internal::Writer tbs_writer(512);
  CBB info;
  CBB attributes;
  if (!CBB_add_asn1(tbs_writer.cbb(), &info, CBS_ASN1_SEQUENCE) ||
      !CBB_add_asn1_uint64(&info, 0) || !internal::AddBytes(&info, subject) ||
      !internal::AddBytes(&info, spki_der) ||
      !CBB_add_asn1(&info, &attributes, internal::ContextConstructedTag(0))) {
    return Unencodable();
  }
  if (!request.subject_alt_names.empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(const std::string names,
                               request.subject_alt_names.ToDer());
    if (!AddExtensionRequest(&attributes, names, request.subject.empty())) {
      return Unencodable();
    }
  }
  const std::string tbs = tbs_writer.Take();
  if (tbs.empty()) {
    return Unencodable();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string signature, sign(tbs));
  internal::Writer writer(tbs.size() + signature.size() + 32);
  if (!internal::AddSigned(writer.cbb(), tbs,
                           crypto::AlgorithmIdentifierDer(algorithm),
                           signature)) {
    return Unencodable();
  }
  return writer.Take();
}

}  // namespace birthmark::x509
