// MakeDeployment writes the folder that `birthmark init` makes:
//
//   offline/   the root key, sealed under a key-encryption key of its own
//   trust/     root.pem, issuers.pem (all three),
//              {idevid,ldevid,internal}.{pem,chain.pem}
//   ca/        kek, {idevid,ldevid,internal}.{sealed,chain.pem}
//   profiles/  the certificate profiles: configuration, to be edited
//   tls/       {ca,registration,inventory,status,birthmarkd}.{pem,key}
//   operator/  operator.pem, operator.key, roots.pem, client.textproto
//   config/    {ca,registration,inventory,status,birthmarkd,migrate}.textproto
//   db/        {owner,ca,registration,inventory,status}.dsn
//   run/       the sockets, if the services listen on sockets
//   journal/   {registration,birthmarkd}/: what was revoked, apart from the
//              database, for the day on which an older one is restored
//
// Folders have mode 0700, files 0600. Paths inside are relative, so the folder
// may be moved or renamed; only addresses of sockets are absolute.

#ifndef BIRTHMARK_SERVICES_CLI_DEPLOYMENT_H_
#define BIRTHMARK_SERVICES_CLI_DEPLOYMENT_H_

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "services/cli/deployment_config.h"

namespace birthmark::cli {

// MakeDeployment fails with USAGE for options that cannot work,
// FOLDER_NOT_EMPTY, FILE_UNUSABLE or DISK_FULL. If it fails it takes back what
// it wrote.
absl::Status MakeDeployment(const DeploymentOptions& options, Clock& clock);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEPLOYMENT_H_
