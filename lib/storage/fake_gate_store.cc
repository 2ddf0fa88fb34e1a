#include "lib/storage/fake_gate_store.h"

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {

absl::Status FakeGateStore::Check(absl::string_view issuer_id,
                                  absl::string_view serial) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const std::string serial_hex = HexEncode(serial);
  const auto found = transaction->certificates.find(std::string(serial));
  if (found == transaction->certificates.end() ||
      found->second.issuer_id != issuer_id) {
    return MakeError(absl::StatusCode::kUnauthenticated,
                     reasons::kCertificateUnknown, "fake",
                     {{"issuer", issuer_id}, {"serial", serial_hex}});
  }
  const auto revocation = transaction->revocations.find(std::string(serial));
  if (revocation == transaction->revocations.end() ||
      revocation->second.state == RevocationState::kReleased) {
    return absl::OkStatus();
  }
  const bool held = revocation->second.state == RevocationState::kHeld;
  return MakeError(
      absl::StatusCode::kUnauthenticated, reasons::kCertificateRevoked, "fake",
      {{"serial", serial_hex}, {"revocation", held ? "held" : "revoked"}});
}

}  // namespace birthmark::storage
