// Key-encryption keys: 32 random bytes in a file of their own, under which the
// issuers' private keys are sealed. The file is 64 lower-case hex digits and an
// optional newline, so that it survives secret stores that hold text.

#ifndef BIRTHMARK_LIB_KEYS_KEK_H_
#define BIRTHMARK_LIB_KEYS_KEK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/crypto/secret.h"

namespace birthmark::keys {

// CreateKek writes a fresh key to a new file, mode 0600. kAlreadyExists if the
// path is taken: overwriting one would lose every key sealed under it.
absl::Status CreateKek(const std::string& path);

// LoadKek reads a key. kNotFound if there is no file; kFailedPrecondition, with
// the command that repairs it, if group or others may read it;
// kInvalidArgument if it is not a key. No error repeats any of the content.
absl::StatusOr<crypto::SecretBytes> LoadKek(const std::string& path);

}  // namespace birthmark::keys

#endif  // BIRTHMARK_LIB_KEYS_KEK_H_
