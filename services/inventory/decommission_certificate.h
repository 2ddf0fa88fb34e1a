// decommission_certificate says what a certificate of decommission says:
// docs/formats/decommission_certificate.md. Pure functions.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DECOMMISSION_CERTIFICATE_H_
#define BIRTHMARK_SERVICES_INVENTORY_DECOMMISSION_CERTIFICATE_H_

#include <string>

#include "absl/time/time.h"
#include "lib/storage/decommission_store.h"

namespace birthmark::inventory {

// Of the JWS's header `typ`.
inline constexpr char kDecommissionCertificateType[] =
    "birthmark-decommission+jws";

// DecommissionPayload returns the payload for a decommission that has ended: a
// JSON object without anything personal.
std::string DecommissionPayload(const storage::DecommissionedDevice& device,
                                absl::Time now);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DECOMMISSION_CERTIFICATE_H_
