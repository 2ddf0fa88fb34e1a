#include "services/cli/certificate_selector.h"

#include <string>
#include <vector>

#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

const char* const kKeyId =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

Arguments Given(const std::vector<std::pair<std::string, std::string>>& words) {
  Arguments args;
  for (const auto& [name, value] : words) {
    args.Set(name, value);
  }
  return args;
}

TEST(CertificateSelectorTest, ReadsEveryOption) {
  ASSERT_OK_AND_ASSIGN(
      const auto selector,
      SelectorFrom(Given({{"--issuer", "ldevid"},
                          {"--key", kKeyId},
                          {"--fleet", "acme"},
                          {"--model", "gateway-7"},
                          {"--line", "acme/line-1"},
                          {"--batch", "acme/line-1/first"},
                          {"--firmware", "application=4.1.0=b"}})));
  EXPECT_EQ(selector.issuer(), "issuers/ldevid");
  EXPECT_EQ(selector.key_id(), kKeyId);
  EXPECT_EQ(selector.fleet(), "fleets/acme");
  EXPECT_EQ(selector.model(), "gateway-7");
  EXPECT_EQ(selector.line(), "fleets/acme/lines/line-1");
  EXPECT_EQ(selector.batch(), "fleets/acme/lines/line-1/batches/first");
  EXPECT_EQ(selector.firmware().component(), "application");
  EXPECT_EQ(selector.firmware().version(), "4.1.0=b");
  EXPECT_EQ(SelectorText(selector),
            std::string("issuer ldevid, key ") + kKeyId +
                ", fleet acme, model gateway-7, line acme/line-1, batch "
                "acme/line-1/first, firmware application=4.1.0=b");
}

TEST(CertificateSelectorTest, EveryParamSelects) {
  for (const Param& param : SelectorParams()) {
    EXPECT_THAT(SelectorFrom(Given({{param.name, ""}})),
                StatusIs(absl::StatusCode::kInvalidArgument, reasons::kUsage))
        << param.name;
  }
}

struct Case {
  const char* name;
  const char* option;
  const char* value;
};
class BadSelectorTest : public testing::TestWithParam<Case> {};

TEST_P(BadSelectorTest, IsRefused) {
  EXPECT_THAT(SelectorFrom(Given({{GetParam().option, GetParam().value}})),
              StatusIs(absl::StatusCode::kInvalidArgument, reasons::kUsage));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSelectorTest,
    testing::Values(Case{"Nothing", "--unrelated", "x"},
                    Case{"Issuer", "--issuer", "no issuer"},
                    Case{"ShortKey", "--key", "0011"},
                    Case{"LineWithoutFleet", "--line", "line-1"},
                    Case{"BatchWithoutLine", "--batch", "acme/first"},
                    Case{"BatchWithFourParts", "--batch", "a/b/c/d"},
                    Case{"FirmwareWithoutVersion", "--firmware", "application"},
                    Case{"FirmwareWithEmptyVersion", "--firmware", "app="}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace birthmark::cli
