// DeviceTransferService and PrivacyService through the router.

#include <string>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_transfer_service.pb.h"
#include "birthmark/device/v1/privacy_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "services/inventory/testing.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;
using absl::StatusCode;
using testing::SizeIs;

class TransferTest : public testing::Test {
 protected:
  TransferTest() {
    row_ = world_.AddDevice("1");
    world_.Activate(row_);
    name_ = NameOf(row_);
    pb::UpdateDeviceRequest request;
    request.mutable_device()->set_name(name_);
    request.mutable_device()->set_display_name("Ada's");
    auto& labels = *request.mutable_device()->mutable_labels();
    labels["site"].set_text("berlin");
    labels["owner"].set_text("Ada");
    labels["owner"].set_personal(true);
    (void)Call<pb::Device>("DeviceService.UpdateDevice", request);
  }

  static std::string NameOf(const storage::DeviceRow& row,
                            const char* fleet = "acme") {
    return absl::StrCat("fleets/", fleet, "/devices/", row.device_uid);
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const char* method, const Request& request,
                                const char* who = "ada") {
    world_.clock().Advance(absl::Seconds(1));  // events have an order
    return world_.Call<Response>(absl::StrCat("device.v1.", method), request,
                                 who);
  }
  absl::StatusOr<pb::Device> Get(const std::string& name) {
    pb::GetDeviceRequest request;
    request.set_name(name);
    return Call<pb::Device>("DeviceService.GetDevice", request);
  }
  absl::StatusOr<pb::DeviceTransfer> Offer(const std::string& to) {
    pb::OfferDeviceRequest request;
    request.set_device(name_);
    request.set_to_fleet(to);
    request.set_reason("sold");
    return Call<pb::DeviceTransfer>("DeviceTransferService.OfferDevice",
                                    request);
  }
  absl::StatusOr<pb::DeviceTransfer> Accept(const std::string& name) {
    pb::AcceptDeviceRequest request;
    request.set_name(name);
    return Call<pb::DeviceTransfer>("DeviceTransferService.AcceptDevice",
                                    request);
  }
  absl::StatusOr<pb::DeviceTransfer> Cancel(const std::string& name) {
    pb::CancelTransferRequest request;
    request.set_name(name);
    return Call<pb::DeviceTransfer>("DeviceTransferService.CancelTransfer",
                                    request);
  }
  std::string Kinds(const std::string& parent) {
    pb::ListDeviceEventsRequest request;
    request.set_parent(parent);
    std::string kinds;
    const auto page = Call<pb::ListDeviceEventsResponse>(
        "DeviceService.ListDeviceEvents", request);
    for (const pb::DeviceEvent& event : page->events()) {
      absl::StrAppend(&kinds, event.kind(), " ");
    }
    return kinds;
  }

  World world_;
  storage::DeviceRow row_;
  std::string name_;
};

TEST_F(TransferTest, MovesADeviceAndLeavesItsPastBehind) {
  ASSERT_OK_AND_ASSIGN(const auto offer, Offer("fleets/other"));
  EXPECT_EQ(offer.state(), pb::TRANSFER_STATE_OFFERED);
  EXPECT_THAT(Offer("fleets/other"),
              StatusIs(StatusCode::kAlreadyExists, reasons::kTransferExists));
  ASSERT_OK_AND_ASSIGN(const auto accepted, Accept(offer.name()));
  EXPECT_EQ(accepted.state(), pb::TRANSFER_STATE_ACCEPTED);
  ASSERT_OK_AND_ASSIGN(const auto again, Accept(offer.name()));
  EXPECT_EQ(again.SerializeAsString(), accepted.SerializeAsString());
  EXPECT_THAT(Cancel(offer.name()), StatusIs(StatusCode::kFailedPrecondition,
                                             reasons::kTransferState));
  EXPECT_THAT(Get(name_),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  ASSERT_OK_AND_ASSIGN(const pb::Device device, Get(NameOf(row_, "other")));
  EXPECT_EQ(device.state(), pb::DEVICE_STATE_REGISTERED);
  EXPECT_EQ(device.display_name(), "");
  EXPECT_THAT(device.labels(), SizeIs(0));
  EXPECT_EQ(device.line(), "fleets/acme/lines/l1");
  EXPECT_TRUE(device.has_fleet_time());
  EXPECT_EQ(Kinds(name_),
            "provisioned registered updated transfer_offered "
            "transferred_away ");
  EXPECT_EQ(Kinds(NameOf(row_, "other")), "transferred ");
  // The operational one; the birth certificate stays.
  EXPECT_EQ(world_.Sql("SELECT reason FROM revocations"), "3\n");
  EXPECT_EQ(world_.Sql("SELECT usage FROM keys WHERE state = 2"), "2\n");
  pb::ListTransfersRequest list;
  for (const char* parent : {"fleets/acme", "fleets/other", "fleets/-"}) {
    list.set_parent(parent);
    ASSERT_OK_AND_ASSIGN(const auto page,
                         Call<pb::ListTransfersResponse>(
                             "DeviceTransferService.ListTransfers", list));
    EXPECT_THAT(page.transfers(), SizeIs(1)) << parent;
  }
}

TEST_F(TransferTest, RefusesSpoiledTransfers) {
  EXPECT_THAT(Offer("fleets/acme"), HasMetadata("field", "to_fleet"));
  EXPECT_THAT(Offer("fleets/-"), StatusIs(StatusCode::kInvalidArgument,
                                          reasons::kBadResourceName));
  EXPECT_THAT(Offer("fleets/none"),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
  EXPECT_THAT(Accept("transfers/1"), StatusIs(StatusCode::kInvalidArgument,
                                              reasons::kBadResourceName));
  EXPECT_THAT(Accept("transfers/" + crypto::NewUid(world_.clock())),
              StatusIs(StatusCode::kNotFound, reasons::kTransferNotFound));
  ASSERT_OK_AND_ASSIGN(const auto offer, Offer("fleets/other"));
  ASSERT_OK(Cancel(offer.name()));
  ASSERT_OK(Cancel(offer.name()));
  EXPECT_THAT(Accept(offer.name()), StatusIs(StatusCode::kFailedPrecondition,
                                             reasons::kTransferState));
}

TEST_F(TransferTest, ReplacesABoardByTwoOperators) {
  const storage::DeviceRow board = world_.AddDevice("2");
  pb::RequestReplacementRequest request;
  request.set_old_device(name_);
  request.set_new_device(name_);
  request.set_reason("water");
  const auto ask = [&] {
    return Call<pb::DeviceReplacement>(
        "DeviceTransferService.RequestReplacement", request);
  };
  EXPECT_THAT(ask(), HasMetadata("field", "new_device"));
  request.set_new_device(NameOf(board, "other"));
  EXPECT_THAT(ask(), HasMetadata("field", "new_device"));
  request.set_new_device(NameOf(board));
  ASSERT_OK_AND_ASSIGN(const auto pending, ask());
  EXPECT_THAT(
      ask(), StatusIs(StatusCode::kAlreadyExists, reasons::kReplacementExists));
  pb::ApproveReplacementRequest approve;
  approve.set_name(pending.name());
  const char* method = "DeviceTransferService.ApproveReplacement";
  EXPECT_THAT(
      Call<pb::DeviceReplacement>(method, approve),
      StatusIs(StatusCode::kPermissionDenied, reasons::kSecondOperatorNeeded));
  ASSERT_OK_AND_ASSIGN(const auto approved,
                       Call<pb::DeviceReplacement>(method, approve, "bob"));
  EXPECT_EQ(approved.state(), pb::REPLACEMENT_STATE_APPROVED);
  ASSERT_OK(Call<pb::DeviceReplacement>(method, approve, "bob"));
  ASSERT_OK_AND_ASSIGN(const pb::Device gone, Get(name_));
  EXPECT_EQ(gone.state(), pb::DEVICE_STATE_DECOMMISSIONING);
  EXPECT_EQ(gone.replaced_by(), NameOf(board));
  ASSERT_OK_AND_ASSIGN(const pb::Device here, Get(NameOf(board)));
  EXPECT_EQ(here.state(), pb::DEVICE_STATE_REGISTERED);
  EXPECT_EQ(here.replaces(), name_);
  EXPECT_EQ(here.display_name(), "Ada's");
  EXPECT_EQ(here.labels().at("owner").text(), "Ada");
  EXPECT_EQ(here.labels().at("site").text(), "berlin");
  EXPECT_EQ(world_.Sql("SELECT count(DISTINCT salt) FROM device_labels"),
            "2\n");
  pb::RejectReplacementRequest reject;
  reject.set_name(pending.name());
  EXPECT_THAT(
      Call<pb::DeviceReplacement>("DeviceTransferService.RejectReplacement",
                                  reject),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kReplacementState));
  for (const char* parent : {"fleets/acme", "fleets/-"}) {
    pb::ListReplacementsRequest list;
    list.set_parent(parent);
    ASSERT_OK_AND_ASSIGN(const auto page,
                         Call<pb::ListReplacementsResponse>(
                             "DeviceTransferService.ListReplacements", list));
    EXPECT_THAT(page.replacements(), SizeIs(1));
  }
}

TEST_F(TransferTest, TellsAndErasesWhatIsPersonal) {
  pb::ExportPersonalDataRequest request;
  request.set_parent("fleets/acme");
  const auto tell = [&] {
    return Call<pb::ExportPersonalDataResponse>(
        "PrivacyService.ExportPersonalData", request);
  };
  EXPECT_THAT(tell(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  request.set_device(NameOf(row_, "other"));
  EXPECT_THAT(tell(), HasMetadata("field", "device"));
  request.mutable_label()->set_key("owner");
  request.mutable_label()->mutable_value()->set_text("Ada");
  ASSERT_OK_AND_ASSIGN(auto data, tell());
  ASSERT_THAT(data.personal_data(), SizeIs(1));
  EXPECT_EQ(data.personal_data(0).device(), name_);
  EXPECT_EQ(data.personal_data(0).display_name(), "Ada's");
  EXPECT_THAT(data.personal_data(0).labels(), SizeIs(1));
  // Not by a label that is not personal.
  request.mutable_label()->set_key("site");
  request.mutable_label()->mutable_value()->set_text("berlin");
  ASSERT_OK_AND_ASSIGN(data, tell());
  EXPECT_THAT(data.personal_data(), SizeIs(0));

  pb::ErasePersonalDataRequest erase;
  erase.set_name(name_);
  const auto forget = [&] {
    return Call<pb::ErasePersonalDataResponse>(
        "PrivacyService.ErasePersonalData", erase);
  };
  EXPECT_THAT(forget(), HasMetadata("field", "reason"));
  erase.set_reason("asked to");
  erase.set_etag("\"1\"");
  EXPECT_THAT(forget(), StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  erase.clear_etag();
  erase.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const auto erased, forget());
  EXPECT_EQ(erased.erased_labels(), 1);
  EXPECT_TRUE(erased.erased_display_name());
  ASSERT_OK_AND_ASSIGN(const auto repeat, forget());
  EXPECT_EQ(repeat.SerializeAsString(), erased.SerializeAsString());
  erase.clear_request_id();
  ASSERT_OK_AND_ASSIGN(const auto nothing, forget());
  EXPECT_EQ(nothing.erased_labels(), 0);
  ASSERT_OK_AND_ASSIGN(const pb::Device device, Get(name_));
  EXPECT_EQ(device.display_name(), "");
  EXPECT_EQ(device.labels().count("owner"), 0u);
  EXPECT_EQ(device.labels().at("site").text(), "berlin");
  EXPECT_EQ(world_.Sql("SELECT count(*) FROM device_labels WHERE salt IS NOT "
                       "NULL UNION ALL SELECT count(*) FROM devices WHERE "
                       "display_name_salt IS NOT NULL"),
            "0\n0\n");
}

// What the schema declares as personal is what the page lists and erasure
// knows.
TEST_F(TransferTest, KnowsEveryColumnThatIsPersonal) {
  EXPECT_EQ(world_.Sql("SELECT attrelid::regclass || '.' || attname "
                       "FROM pg_attribute WHERE "
                       "col_description(attrelid, attnum) LIKE 'personal%' "
                       "ORDER BY 1"),
            "device_labels.salt\ndevice_labels.value\n"
            "devices.display_name\ndevices.display_name_salt\n");
}

}  // namespace
}  // namespace birthmark::inventory
