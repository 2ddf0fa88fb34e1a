#include "lib/storage/pg_gate_store.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kCheck = {"gate_check", R"(
    SELECT r.state
    FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial
    WHERE c.serial = $1 AND c.issuer_id = $2)"};

}  // namespace

absl::Status PgGateStore::Check(absl::string_view issuer_id,
                                absl::string_view serial) {
  return database_.Read([&](Session& session) -> absl::Status {
    const auto found = session.Exec(kCheck, Bytes(serial), Text(issuer_id));
    const std::string serial_hex = HexEncode(serial);
    if (found.empty()) {
      return MakeError(absl::StatusCode::kUnauthenticated,
                       reasons::kCertificateUnknown,
                       "the certificate was not issued here",
                       {{"issuer", issuer_id}, {"serial", serial_hex}});
    }
    const int64_t state = ReadInt(found[0][0]);  // 0: never revoked
    if (state != static_cast<int>(RevocationState::kHeld) &&
        state != static_cast<int>(RevocationState::kRevoked)) {
      return absl::OkStatus();
    }
    const bool held = state == static_cast<int>(RevocationState::kHeld);
    return MakeError(
        absl::StatusCode::kUnauthenticated, reasons::kCertificateRevoked,
        held ? "the certificate is on hold" : "the certificate is revoked",
        {{"serial", serial_hex}, {"revocation", held ? "held" : "revoked"}});
  });
}

}  // namespace birthmark::storage
