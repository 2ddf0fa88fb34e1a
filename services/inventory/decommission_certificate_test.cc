#include "services/inventory/decommission_certificate.h"

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "nlohmann/json.hpp"

namespace birthmark::inventory {
namespace {

using nlohmann::json;
using storage::DecommissionedDevice;
using storage::WipeOutcome;

const absl::Time kTime = absl::FromUnixSeconds(1795000000);

DecommissionedDevice Device() {
  DecommissionedDevice device;
  device.decommission = {.device_uid = "0194f1e0-0000-7000-8000-000000000001",
                         .fleet_id = "acme",
                         .reason = "sold \"as is\"",
                         .actor = "ada",
                         .create_time = kTime,
                         .revoked = 2,
                         .keys = 2,
                         .wipe_outcome = WipeOutcome::kConfirmed,
                         .wipe_receipt = "a.b.c",
                         .wipe_key = std::string(32, '\x01'),
                         .wipe_time = kTime + absl::Hours(1),
                         .end_time = kTime + absl::Hours(2)};
  device.device.model = "m1";
  device.device.serial_number = "S-1";
  device.device.display_name = "grandma's thermostat";
  device.keys = {std::string(32, '\x01'), std::string(32, '\x02')};
  device.birth_issuer_id = "idevid";
  device.birth_serial = std::string(16, '\x0a');
  return device;
}

TEST(DecommissionCertificateTest, SaysHowADeviceEnded) {
  const json payload =
      json::parse(DecommissionPayload(Device(), kTime + absl::Hours(3)));

  EXPECT_EQ(payload,
            json({
                {"type", "birthmark/decommission-certificate"},
                {"version", 1},
                {"device", "0194f1e0-0000-7000-8000-000000000001"},
                {"fleet", "acme"},
                {"model", "m1"},
                {"serial_number", "S-1"},
                {"birth_certificate",
                 {{"issuer", "idevid"},
                  {"serial", HexEncode(std::string(16, '\x0a'))}}},
                {"reason", "sold \"as is\""},
                {"ordered_by", "ada"},
                {"ordered_time", "2026-11-18T11:06:40Z"},
                {"revoked_certificates", 2},
                {"retired_keys",
                 {HexEncode(std::string(32, '\x01')),
                  HexEncode(std::string(32, '\x02'))}},
                {"wipe",
                 {{"outcome", "confirmed"},
                  {"time", "2026-11-18T12:06:40Z"},
                  {"receipt_sha256", HexEncode(crypto::Sha256("a.b.c"))},
                  {"key", HexEncode(std::string(32, '\x01'))}}},
                {"decommissioned_time", "2026-11-18T13:06:40Z"},
                {"issued_time", "2026-11-18T14:06:40Z"},
            }));
}

TEST(DecommissionCertificateTest, SaysNothingPersonal) {
  EXPECT_EQ(DecommissionPayload(Device(), kTime).find("grandma"),
            std::string::npos);
}

TEST(DecommissionCertificateTest, SaysWhatIsKnownOfADeviceWithoutWipe) {
  DecommissionedDevice device = Device();
  device.decommission.wipe_outcome = WipeOutcome::kTimedOut;
  device.birth_serial.clear();
  device.keys.clear();
  json payload = json::parse(DecommissionPayload(device, kTime));
  EXPECT_EQ(payload["wipe"], json({{"outcome", "timed_out"}}));
  EXPECT_EQ(payload["retired_keys"], json::array());
  EXPECT_FALSE(payload.contains("birth_certificate"));
  device.decommission.wipe_outcome = WipeOutcome::kNotAsked;
  payload = json::parse(DecommissionPayload(device, kTime));
  EXPECT_EQ(payload["wipe"], json({{"outcome", "not_asked"}}));
}

}  // namespace
}  // namespace birthmark::inventory
