#include "services/cli/names.h"

#include <functional>
#include <string>

#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr char kUid[] = "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8";
constexpr char kSerial[] = "019ab2c3d4e5f60718293a4b5c6d7e8f";

using Read = absl::StatusOr<std::string> (*)(absl::string_view);

struct Case {
  const char* name;
  Read read;
  std::string in;
  std::string want;  // "" means USAGE
};
class NamesTest : public testing::TestWithParam<Case> {};

TEST_P(NamesTest, TakesWhatPeopleType) {
  const auto got = GetParam().read(GetParam().in);
  if (GetParam().want.empty()) {
    EXPECT_THAT(got,
                StatusIs(absl::StatusCode::kInvalidArgument, reasons::kUsage));
  } else {
    EXPECT_THAT(got, IsOkAndHolds(GetParam().want));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, NamesTest,
    testing::Values(
        Case{"Fleet", FleetName, "acme", "fleets/acme"},
        Case{"FullFleet", FleetName, "fleets/acme", "fleets/acme"},
        Case{"UpperCaseFleet", FleetName, "Acme", ""},
        Case{"EmptyFleet", FleetName, "", ""},
        Case{"FleetWithSlash", FleetName, "acme/x", ""},
        Case{"Line", LineName, "acme/l1", "fleets/acme/lines/l1"},
        Case{"FullLine", LineName, "fleets/acme/lines/l1",
             "fleets/acme/lines/l1"},
        Case{"LineWithoutFleet", LineName, "l1", ""},
        Case{"LineWithThreeParts", LineName, "a/b/c", ""},
        Case{"Batch", BatchName, "acme/l1/b1",
             "fleets/acme/lines/l1/batches/b1"},
        Case{"FullBatch", BatchName, "fleets/acme/lines/l1/batches/b1",
             "fleets/acme/lines/l1/batches/b1"},
        Case{"BatchWithoutLine", BatchName, "acme/b1", ""},
        Case{"BatchWithEmptyPart", BatchName, "acme//b1", ""},
        Case{"Issuer", IssuerName, "ldevid", "issuers/ldevid"},
        Case{"FullIssuer", IssuerName, "issuers/ldevid", "issuers/ldevid"},
        Case{"AllIssuers", IssuerName, "issuers/-", ""},
        Case{"Job", RevocationJobName, "leak-42", "revocationJobs/leak-42"},
        Case{"FullJob", RevocationJobName, "revocationJobs/leak-42",
             "revocationJobs/leak-42"},
        Case{"NoJob", RevocationJobName, "Leak 42", ""},
        Case{"Uid", DeviceName, kUid, std::string("fleets/-/devices/") + kUid},
        Case{"FullDevice", DeviceName,
             std::string("fleets/acme/devices/") + kUid,
             std::string("fleets/acme/devices/") + kUid},
        Case{"NoDevice", DeviceName, "board 7", ""},
        Case{"Serial", CertificateName, kSerial,
             std::string("issuers/-/certificates/") + kSerial},
        Case{"SerialOfOpenssl", CertificateName,
             "01:9A:B2:C3:D4:E5:F6:07:18:29:3A:4B:5C:6D:7E:8F",
             std::string("issuers/-/certificates/") + kSerial},
        Case{"FullCertificate", CertificateName,
             std::string("issuers/ldevid/certificates/") + kSerial,
             std::string("issuers/ldevid/certificates/") + kSerial},
        Case{"NoCertificate", CertificateName, "xyz", ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ParseTimeTest, TakesWhatTheProgramPrintsAndDays) {
  const absl::Time noon = absl::FromUnixSeconds(1769860800);
  EXPECT_THAT(ParseTime("2026-01-31T12:00:00Z"), IsOkAndHolds(noon));
  EXPECT_THAT(ParseTime("2026-01-31 12:00:00Z"), IsOkAndHolds(noon));
  EXPECT_THAT(ParseTime("2026-01-31"), IsOkAndHolds(noon - absl::Hours(12)));
}

TEST(ParseTimeTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "yesterday", "12:00", "2026-02-30", "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+02:00", "infinite-future"}) {
    EXPECT_THAT(ParseTime(text),
                StatusIs(absl::StatusCode::kInvalidArgument, reasons::kUsage))
        << text;
  }
}

TEST(ReasonNamesTest, EveryNameIsReadBackInAnySpelling) {
  for (const char* name :
       {"keyCompromise", "KEY_COMPROMISE", "key-compromise", "keycompromise"}) {
    EXPECT_THAT(
        ParseReason(name),
        IsOkAndHolds(certificate::v1::REVOCATION_REASON_KEY_COMPROMISE));
  }
  for (int value = 0; value <= 10; ++value) {
    if (!certificate::v1::RevocationReason_IsValid(value)) {
      continue;
    }
    const auto reason = static_cast<certificate::v1::RevocationReason>(value);
    EXPECT_THAT(ParseReason(ReasonText(reason)), IsOkAndHolds(reason));
  }
}

TEST(ReasonNamesTest, AnUnknownReasonListsTheKnown) {
  const auto reason = ParseReason("boredom");
  EXPECT_THAT(reason,
              StatusIs(absl::StatusCode::kInvalidArgument, reasons::kUsage));
  EXPECT_THAT(std::string(reason.status().message()),
              testing::HasSubstr("keyCompromise"));
}

TEST(NamesTest, WhatIsOfAFleetIsNamedAsItIsListed) {
  EXPECT_THAT(DeviceJobName("acme/eol"),
              IsOkAndHolds("fleets/acme/deviceJobs/eol"));
  EXPECT_THAT(FindingName("fleets/acme/findings/f1"),
              IsOkAndHolds("fleets/acme/findings/f1"));
  EXPECT_THAT(ReplacementName("acme/r1"),
              IsOkAndHolds("fleets/acme/replacements/r1"));
  EXPECT_THAT(TransferName("t1"), IsOkAndHolds("transfers/t1"));
  EXPECT_THAT(KeyAuditName("keyAudits/a1"), IsOkAndHolds("keyAudits/a1"));
  EXPECT_EQ(ShortName("fleets/acme/deviceJobs/eol"), "acme/eol");
  EXPECT_EQ(ShortName("transfers/t1"), "transfers/t1");
  for (const char* text : {"", "/", "acme/", "acme/a/b", "Acme/x",
                           "fleets/-/findings/x", "fleets/acme/deviceJobs/x"}) {
    EXPECT_FALSE(FindingName(text).ok()) << text;
  }
  EXPECT_FALSE(TransferName("acme/t1").ok());
}

}  // namespace
}  // namespace birthmark::cli
