// IdentityFiles names the files of birthmark.config.v1.TlsIdentity: the own
// certificate with its chain, and its private key, both PEM.

#ifndef BIRTHMARK_LIB_RPC_IDENTITY_H_
#define BIRTHMARK_LIB_RPC_IDENTITY_H_

#include <string>

#include "absl/status/status.h"

namespace birthmark::rpc {

struct IdentityFiles {
  std::string certificate;
  std::string private_key;
};

// CheckIdentity says what would go wrong with the files: kNotFound,
// kFailedPrecondition if the key may be read by others, kInvalidArgument if
// they do not parse or do not belong together. Thread-safe.
absl::Status CheckIdentity(const IdentityFiles& files);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_IDENTITY_H_
