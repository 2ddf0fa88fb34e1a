#include "services/status/fact.h"

#include "lib/base/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using storage::RevocationState;
using x509::RevocationReason;

struct Case {
  const char* name;
  RevocationState state;
  int reason;
  bool revoked;
  RevocationReason want;
};

class FactTest : public testing::TestWithParam<Case> {
 protected:
  const World world_;
};

TEST_P(FactTest, SaysTheSameOfARowAndOfAChange) {
  const Case& c = GetParam();
  storage::RevocationRow row;
  row.state = c.state;
  row.reason = c.reason;
  row.revoke_time = x509::TestTime();
  storage::CertificateStatus status;
  status.issuer_id = "other";
  status.not_after = x509::TestTime() + absl::Hours(1);
  status.revocation = row;
  storage::RevocationChange change;
  change.issuer_id = "other";
  change.not_after = status.not_after;
  change.state = c.state;
  change.reason = c.reason;
  change.revoke_time = row.revoke_time;
  change.revision = 7;
  const Moment moment{x509::TestTime(), absl::Seconds(1)};
  for (const Fact& fact : {FactOf(status, 7, moment, world_.issuers),
                           FactOf(change, moment, world_.issuers)}) {
    EXPECT_EQ(fact.issuer, 1);
    EXPECT_EQ(fact.not_after, status.not_after);
    EXPECT_EQ(fact.revision, 7);
    EXPECT_EQ(fact.as_of.wall, moment.wall);
    EXPECT_EQ(fact.revoked, c.revoked);
    EXPECT_EQ(fact.reason, c.want);
    if (c.revoked) {
      EXPECT_EQ(fact.revoke_time, row.revoke_time);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FactTest,
    testing::Values(Case{"Revoked", RevocationState::kRevoked, 1, true,
                         RevocationReason::kKeyCompromise},
                    Case{"Unspecified", RevocationState::kRevoked, 0, true,
                         RevocationReason::kUnspecified},
                    Case{"Held", RevocationState::kHeld, 6, true,
                         RevocationReason::kCertificateHold},
                    Case{"HeldForAnyReason", RevocationState::kHeld, 0, true,
                         RevocationReason::kCertificateHold},
                    Case{"Released", RevocationState::kReleased, 6, false,
                         RevocationReason::kUnspecified},
                    Case{"ReasonNobodyKnows", RevocationState::kRevoked, 7,
                         true, RevocationReason::kUnspecified},
                    Case{"RemoveFromCrlIsNone", RevocationState::kRevoked, 8,
                         true, RevocationReason::kUnspecified}),
    [](const auto& info) { return info.param.name; });

TEST_F(FactTest, AnIssuerThatIsNotToldOfHasNoPlace) {
  storage::CertificateStatus status;
  status.issuer_id = "third";
  const Fact fact = FactOf(status, 1, Moment(), world_.issuers);
  EXPECT_EQ(fact.issuer, -1);
  EXPECT_FALSE(fact.revoked);
}

}  // namespace
}  // namespace birthmark::status
