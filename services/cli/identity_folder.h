// Identity folders that the command line writes: of lines and of devices. A
// fresh key is written before it is certified, so that a call that broke off
// can be repeated with the same key.

#ifndef BIRTHMARK_SERVICES_CLI_IDENTITY_FOLDER_H_
#define BIRTHMARK_SERVICES_CLI_IDENTITY_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/config/v1/client_config.pb.h"
#include "google/protobuf/repeated_field.h"
#include "lib/keys/local_key.h"

namespace birthmark::cli {

// MakeFolder makes `dir` with mode 0700, unless it is there.
absl::Status MakeFolder(const std::string& dir);

// KeyForNewCertificate returns the key in `path`, from a call that broke off,
// or makes a P-256 key and writes it there.
absl::StatusOr<std::unique_ptr<keys::LocalKey>> KeyForNewCertificate(
    const std::string& path);

// CsrFor returns a request (DER) without names, signed by `key`.
absl::StatusOr<std::string> CsrFor(const keys::LocalKey& key);

// ChainPem returns the PEM of a chain as the API gives it. INTERNAL /
// WRONG_CERTIFICATE unless the first certificate is for `key`.
absl::StatusOr<std::string> ChainPem(
    const google::protobuf::RepeatedPtrField<std::string>& chain_der,
    const keys::LocalKey& key);

// WriteClientFiles writes roots.pem, copied from the roots of `config`, and
// client.textproto, whose identity becomes `name`.pem and `name`.key.
absl::Status WriteClientFiles(const std::string& dir, absl::string_view name,
                              config::v1::ClientConfig config);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_IDENTITY_FOLDER_H_
