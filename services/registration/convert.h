// convert turns rows into messages of the API. Pure functions.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_CONVERT_H_
#define BIRTHMARK_SERVICES_REGISTRATION_CONVERT_H_

#include <cstdint>
#include <string>

#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/enforcement_store.h"
#include "lib/storage/line_store.h"
#include "lib/storage/revocation_job_store.h"

namespace birthmark::registration {

provisioning::v1::Line ToProto(const storage::LineRow& row);
provisioning::v1::Batch ToProto(const storage::BatchRow& row,
                                const storage::BatchCounts& counts);
provisioning::v1::IssueBatchResponse::Result ToProto(
    const storage::ItemResult& result);
revocation::v1::Revocation ToProto(const storage::RevocationRow& row);
revocation::v1::RevocationJob ToProto(const storage::RevocationJobRow& row);
revocation::v1::EnforcementPoint ToProto(
    const storage::EnforcementPointRow& row, int64_t latest_revision);

// CertificateName is the name of the certificate that is revoked.
std::string CertificateName(const storage::RevocationRow& row);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_CONVERT_H_
