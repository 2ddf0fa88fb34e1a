#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_RECORD_CERTIFICATES_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_RECORD_CERTIFICATES_H_

#include "absl/status/statusor.h"
#include "birthmark/config/v1/server_config.pb.h"
#include "lib/base/clock.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_shard_store.h"

namespace birthmark::birthmarkd {

// RecordCertificates records certificates that were issued before there was a
// database, each once and with an audit entry `certificate.record`, and makes
// the CRL shard known that they are on: the first of their issuer, which CAs'
// certificates are not. Returns how many were new. kInvalidArgument for files
// that are not what they should be, kAlreadyExists / CERTIFICATE_EXISTS if a
// serial number is taken by another certificate.
absl::StatusOr<int> RecordCertificates(const config::v1::MigrateConfig& config,
                                       storage::CertificateStore& certificates,
                                       storage::CrlShardStore& shards,
                                       Clock& clock);

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_RECORD_CERTIFICATES_H_
