#include "tests/integration/race_lane.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/rpc/status.h"

namespace birthmark::tests {
namespace {

constexpr size_t kMaxMessage = 256;
constexpr char kService[] = "birthmark.provisioning.v1.ProvisioningService.";

}  // namespace

Lane::Lane(const Deployment& deployment, const std::string& role,
           const std::string& identity, std::string fleet, std::string line)
    : fleet_(std::move(fleet)), line_(std::move(line)) {
  auto channel = rpc::GrpcChannel::New(
      {.address = deployment.Address(role),
       .server_name = Deployment::ServerName("registration"),
       .roots_file = identity + "/roots.pem",
       .identity = {identity + "/line.pem", identity + "/line.key"}});
  if (!channel.ok()) {
    std::cerr << channel.status() << std::endl;
    std::abort();
  }
  channel_ = *std::move(channel);
}

absl::Status Lane::Open(const std::string& batch) {
  provisioning::v1::CreateBatchRequest create;
  create.set_parent(absl::StrCat("fleets/", fleet_, "/lines/", line_));
  create.set_batch_id(batch);
  batch_ = absl::StrCat(create.parent(), "/batches/", batch);
  const auto created = channel_->Unary<provisioning::v1::Batch>(
      absl::StrCat(kService, "CreateBatch"), create);
  if (!created.ok()) {
    return created.status();
  }
  stream_.emplace(
      channel_->Bidi<Request, Response>(absl::StrCat(kService, "IssueBatch")));
  Request open;
  open.mutable_open()->set_batch(batch_);
  Response response;
  if (!stream_->Write(open) || !stream_->Read(response)) {
    return stream_->Finish();
  }
  max_in_flight_ = static_cast<size_t>(response.opened().max_in_flight());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Told>> Lane::Issue(
    const std::vector<LaneItem>& items, std::mt19937& random) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  std::map<std::string, size_t> by_id;
  std::vector<Told> told(items.size());
  size_t sent = 0;
  size_t answered = 0;
  while (answered < items.size()) {
    const size_t count = std::min<size_t>(
        std::uniform_int_distribution<size_t>(1, kMaxMessage)(random),
        items.size() - sent);
    if (count > 0 && sent + count - answered <= max_in_flight_) {
      Request request;
      for (size_t n = 0; n < count; ++n, ++sent) {
        const LaneItem& item = items[order[sent]];
        by_id[item.id] = order[sent];
        Request::Item& out = *request.mutable_items()->add_items();
        out.set_item_id(item.id);
        out.set_csr_der(item.csr_der);
        out.set_model(kModel);
        out.set_serial_number(item.serial_number);
      }
      if (!stream_->Write(request)) {
        return stream_->Finish();
      }
      continue;
    }
    Response response;
    if (!stream_->Read(response)) {
      return stream_->Finish();
    }
    for (const Response::Result& result : response.results().results()) {
      const auto known = by_id.find(result.item_id());
      if (known == by_id.end()) {
        return absl::InternalError(
            absl::StrCat("nobody asked for ", result.item_id()));
      }
      ++answered;
      told[known->second] = {
          result.certificate_der(),
          result.has_error() ? Reason(rpc::FromProto(result.error())) : ""};
    }
  }
  return told;
}

void Lane::Cancel() {
  if (stream_.has_value()) {
    stream_->Cancel();
  }
}

}  // namespace birthmark::tests
