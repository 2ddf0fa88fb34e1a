#include "services/inventory/ca_client.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/router.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"

namespace birthmark::inventory {
namespace {

class CaClientTest : public testing::Test {
 protected:
  CaClientTest() {
    router_.AddService(
        *ca::v1::SignRecordsRequest::descriptor()->file()->FindServiceByName(
            "RecordSigner"));
    router_.Unary<ca::v1::SignRecordsRequest, ca::v1::SignRecordsResponse>(
        "birthmark.ca.v1.RecordSigner.SignRecords",
        [this](const rpc::CallContext&,
               const ca::v1::SignRecordsRequest& request) {
          return Sign(request);
        });
  }

  absl::StatusOr<ca::v1::SignRecordsResponse> Sign(
      const ca::v1::SignRecordsRequest& request) {
    calls_.push_back(request.payloads_size());
    ca::v1::SignRecordsResponse response;
    for (const std::string& payload : request.payloads()) {
      response.add_jws(absl::StrCat(request.type(), ".", payload.size(), ".",
                                    payload.substr(0, 8)));
    }
    if (lose_one_) {
      response.mutable_jws()->RemoveLast();
    }
    return response;
  }

  FakeClock clock_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_{registry_};
  rpc::Router router_{{}, clock_, rpc_metrics_};
  rpc::LocalChannel channel_{
      router_,
      rpc::ServiceCaller(options::v1::ROLE_INVENTORY, "birthmark.test")};
  CaClient client_{channel_};
  std::vector<int> calls_;
  bool lose_one_ = false;
};

TEST_F(CaClientTest, ManyRecordsTakeSeveralCallsAndKeepTheirOrder) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 1001; ++i) {
    payloads.push_back(absl::StrCat(i));
  }
  ASSERT_OK_AND_ASSIGN(const auto jws, client_.SignRecords("t", payloads));
  ASSERT_EQ(jws.size(), payloads.size());
  EXPECT_EQ(jws[0], "t.1.0");
  EXPECT_EQ(jws[1000], "t.4.1000");
  EXPECT_THAT(calls_, testing::ElementsAre(500, 500, 1));
}

TEST_F(CaClientTest, LargeRecordsTakeMoreCalls) {
  const std::vector<std::string> payloads(40, std::string(64 << 10, 'x'));
  ASSERT_OK_AND_ASSIGN(const auto jws, client_.SignRecords("t", payloads));
  EXPECT_EQ(jws.size(), payloads.size());
  EXPECT_THAT(calls_, testing::ElementsAre(32, 8));
}

TEST_F(CaClientTest, NothingAsksNobody) {
  EXPECT_THAT(client_.SignRecords("t", {}), IsOkAndHolds(testing::IsEmpty()));
  EXPECT_THAT(calls_, testing::IsEmpty());
}

TEST_F(CaClientTest, AnAnswerThatDoesNotFitIsAnError) {
  lose_one_ = true;
  EXPECT_THAT(client_.SignRecords("t", {"{}", "{}"}),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace birthmark::inventory
