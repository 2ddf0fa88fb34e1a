#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_transfer_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::AcceptDeviceRequest;
using device::v1::CancelTransferRequest;
using device::v1::Device;
using device::v1::DeviceTransfer;
using device::v1::GetTransferRequest;
using device::v1::ListTransfersRequest;
using device::v1::ListTransfersResponse;
using device::v1::OfferDeviceRequest;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.DeviceTransferService.", name);
}

std::string StateText(const DeviceTransfer& transfer) {
  return EnumText(device::v1::TransferState_Name(transfer.state()),
                  "TRANSFER_STATE_");
}

std::string EndText(const std::string& actor,
                    const google::protobuf::Timestamp& time) {
  return actor.empty() ? ""
                       : absl::StrCat(TimeText(time), " by ", ActorText(actor));
}

int Print(const DeviceTransfer& transfer, Context& context) {
  if (context.json) {
    PrintJson(context.out, transfer);
    return kExitOk;
  }
  const std::string id = LastSegment(transfer.name());
  std::string next;
  if (transfer.state() == device::v1::TRANSFER_STATE_OFFERED) {
    next = absl::StrCat(
        "nothing has changed yet; who takes it runs: birthmark "
        "transfer accept ",
        id);
  } else if (transfer.state() == device::v1::TRANSFER_STATE_ACCEPTED) {
    next = "the device registers anew by its birth certificate";
  }
  PrintFields(
      context.out,
      {{"Transfer", transfer.name()},
       {"State", StateText(transfer)},
       {"Device", transfer.device()},
       {"From", LastSegment(transfer.from_fleet())},
       {"To", LastSegment(transfer.to_fleet())},
       {"Reason", transfer.reason()},
       {"Offered", EndText(transfer.offer_actor(), transfer.create_time())},
       {"Ended", EndText(transfer.end_actor(), transfer.end_time())},
       {"Next", next}});
  return kExitOk;
}

absl::StatusOr<int> Offer(const Arguments& args, Context& context) {
  OfferDeviceRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_to_fleet(),
                             FleetName(args.Text("--to")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  request.set_device(device.name());
  request.set_reason(args.Text("--reason"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceTransfer transfer,
      channel->Unary<DeviceTransfer>(Method("OfferDevice"), request));
  return Print(transfer, context);
}

absl::StatusOr<DeviceTransfer> FetchTransfer(rpc::Channel& channel,
                                             const std::string& name) {
  GetTransferRequest request;
  request.set_name(name);
  return channel.Unary<DeviceTransfer>(Method("GetTransfer"), request);
}

absl::StatusOr<int> GetTransfer(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             TransferName(args.Text("TRANSFER")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceTransfer transfer,
                             FetchTransfer(*channel, name));
  return Print(transfer, context);
}

absl::StatusOr<int> Accept(const Arguments& args, Context& context) {
  AcceptDeviceRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             TransferName(args.Text("TRANSFER")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  if (!args.Switch("--yes")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const DeviceTransfer transfer,
                               FetchTransfer(*channel, request.name()));
    PrintFields(context.err, {{"Device", transfer.device()},
                              {"From", LastSegment(transfer.from_fleet())},
                              {"To", LastSegment(transfer.to_fleet())},
                              {"Reason", transfer.reason()}});
    BIRTHMARK_RETURN_IF_ERROR(
        Ask("Its operational certificates are revoked, its labels and its name "
            "erased; its birth certificate stays. Accept it?",
            context));
  }
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceTransfer transfer,
      channel->Unary<DeviceTransfer>(Method("AcceptDevice"), request));
  return Print(transfer, context);
}

absl::StatusOr<int> CancelTransfer(const Arguments& args, Context& context) {
  CancelTransferRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             TransferName(args.Text("TRANSFER")));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceTransfer transfer,
      channel->Unary<DeviceTransfer>(Method("CancelTransfer"), request));
  return Print(transfer, context);
}

absl::StatusOr<std::string> ParentFrom(const Arguments& args) {
  return args.Has("--fleet") ? FleetName(args.Text("--fleet"))
                             : absl::StatusOr<std::string>("fleets/-");
}

absl::StatusOr<int> ListTransfers(const Arguments& args, Context& context) {
  ListTransfersRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(), ParentFrom(args));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListTransfersResponse>(
          *channel, Method("ListTransfers"), request,
          [](const auto& r) { return r.transfers_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"TRANSFER", "STATE", "DEVICE", "FROM", "TO", "OFFERED"});
  for (const DeviceTransfer& transfer : response.transfers()) {
    table.Add(
        {LastSegment(transfer.name()), StateText(transfer),
         LastSegment(transfer.device()), LastSegment(transfer.from_fleet()),
         LastSegment(transfer.to_fleet()), TimeText(transfer.create_time())});
  }
  table.Print(context.out);
  context.out << CountText(response.transfers_size(), "transfer") << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> TransferCommands() {
  const Param transfer = {.name = "TRANSFER",
                          .help = "its id, as `transfer list` shows it",
                          .required = true};
  const Param fleet = {.name = "--fleet",
                       .value = "FLEET",
                       .help = "only those from and to this fleet"};
  return {
      {.path = "transfer offer",
       .summary = "Offers a device to another fleet.",
       .details = "Nothing changes until that fleet accepts.",
       .examples = "birthmark transfer offer GW7-000001 --to umbrella "
                   "--reason \"sold\"",
       .params = {DeviceParam(),
                  {.name = "--to",
                   .value = "FLEET",
                   .help = "who is to have it",
                   .required = true},
                  {.name = "--reason",
                   .value = "TEXT",
                   .help = "why, for the record; nothing personal",
                   .required = true},
                  IdentityParam()},
       .run = Offer},
      {.path = "transfer accept",
       .summary = "Takes a device that was offered.",
       .details =
           "Its operational certificates are revoked, labels and name erased; "
           "history stays\nbehind. It registers anew by its birth certificate. "
           "Shows it and asks.",
       .examples =
           "birthmark transfer accept 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {transfer,
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = Accept},
      {.path = "transfer cancel",
       .summary = "Ends an offer, by either side.",
       .examples =
           "birthmark transfer cancel 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {transfer, IdentityParam()},
       .run = CancelTransfer},
      {.path = "transfer list",
       .summary = "Lists devices on their way to another fleet, and those that "
                  "went.",
       .examples = "birthmark transfer list --fleet acme",
       .params = {fleet, IdentityParam()},
       .run = ListTransfers},
      {.path = "transfer get",
       .summary = "Shows one transfer.",
       .examples =
           "birthmark transfer get 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {transfer, IdentityParam()},
       .run = GetTransfer},
  };
}

}  // namespace birthmark::cli
