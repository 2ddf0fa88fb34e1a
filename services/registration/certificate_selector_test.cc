#include "services/registration/certificate_selector.h"

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

using absl::StatusCode;

struct Case {
  const char* name;
  std::function<void(pb::CertificateSelector&)> fill;
  absl::string_view reason;  // empty: it is good
};

class SelectorTest : public testing::TestWithParam<Case> {};

TEST_P(SelectorTest, IsReadAndWrittenOrRefused) {
  pb::CertificateSelector selector;
  GetParam().fill(selector);
  const auto parsed = ParseSelector(selector);
  if (!GetParam().reason.empty()) {
    EXPECT_THAT(parsed,
                StatusIs(StatusCode::kInvalidArgument, GetParam().reason));
    return;
  }
  ASSERT_OK(parsed);
  EXPECT_EQ(FormatSelector(*parsed).DebugString(), selector.DebugString());
}

INSTANTIATE_TEST_SUITE_P(
    All, SelectorTest,
    testing::Values(
        Case{"Issuer", [](auto& s) { s.set_issuer("issuers/ldevid"); }, ""},
        Case{"Key", [](auto& s) { s.set_key_id(std::string(64, 'a')); }, ""},
        Case{"Fleet", [](auto& s) { s.set_fleet("fleets/acme"); }, ""},
        Case{"Model", [](auto& s) { s.set_model("gateway 7"); }, ""},
        Case{"Line", [](auto& s) { s.set_line("fleets/acme/lines/l1"); }, ""},
        Case{"Batch",
             [](auto& s) { s.set_batch("fleets/acme/lines/l1/batches/b1"); },
             ""},
        Case{"Firmware",
             [](auto& s) {
               s.mutable_firmware()->set_component("os");
               s.mutable_firmware()->set_version("1.0");
             },
             ""},
        Case{"Nothing", [](auto&) {}, reasons::kInvalidField},
        Case{"AllIssuers", [](auto& s) { s.set_issuer("issuers/-"); },
             reasons::kBadResourceName},
        Case{"ShortKey", [](auto& s) { s.set_key_id("abcd"); },
             reasons::kInvalidField},
        Case{"UpperCaseKey",
             [](auto& s) { s.set_key_id(std::string(64, 'A')); },
             reasons::kInvalidField},
        Case{"NoFleet", [](auto& s) { s.set_fleet("acme"); },
             reasons::kBadResourceName},
        Case{"LongModel", [](auto& s) { s.set_model(std::string(65, 'm')); },
             reasons::kInvalidField},
        Case{"ControlCharacter", [](auto& s) { s.set_model("a\nb"); },
             reasons::kInvalidField},
        Case{"LineOfAnotherFleet",
             [](auto& s) {
               s.set_fleet("fleets/other");
               s.set_line("fleets/acme/lines/l1");
             },
             reasons::kInvalidField},
        Case{"BatchOfAnotherLine",
             [](auto& s) {
               s.set_line("fleets/acme/lines/l2");
               s.set_batch("fleets/acme/lines/l1/batches/b1");
             },
             reasons::kInvalidField},
        Case{"EmptyFirmware", [](auto& s) { s.mutable_firmware(); },
             reasons::kInvalidField},
        Case{"FirmwareWithoutVersion",
             [](auto& s) { s.mutable_firmware()->set_component("os"); },
             reasons::kInvalidField},
        Case{"FirmwareWithoutComponent",
             [](auto& s) { s.mutable_firmware()->set_version("1.0"); },
             reasons::kInvalidField}),
    [](const auto& info) { return info.param.name; });

TEST(SelectorTest, NamesThatAgreeAreOne) {
  pb::CertificateSelector selector;
  selector.set_fleet("fleets/acme");
  selector.set_line("fleets/acme/lines/l1");
  selector.set_batch("fleets/acme/lines/l1/batches/b1");
  ASSERT_OK_AND_ASSIGN(const auto parsed, ParseSelector(selector));
  EXPECT_EQ(parsed.fleet_id, "acme");
  EXPECT_EQ(parsed.line_id, "l1");
  EXPECT_EQ(parsed.batch_id, "b1");
}

}  // namespace
}  // namespace birthmark::registration
