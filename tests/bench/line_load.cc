#include "tests/bench/line_load.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/rpc/status.h"

namespace birthmark::bench {
namespace {

using provisioning::v1::Batch;
using provisioning::v1::CreateBatchRequest;
using provisioning::v1::IssueBatchRequest;
using provisioning::v1::IssueBatchResponse;

constexpr char kService[] = "birthmark.provisioning.v1.ProvisioningService.";

[[noreturn]] void Die(absl::string_view what, const absl::Status& status) {
  std::cerr << what << ": " << status << std::endl;
  exit(1);
}

}  // namespace

std::unique_ptr<rpc::GrpcChannel> NewLine(tests::Deployment& deployment,
                                          const std::string& id) {
  const std::string folder = deployment.CreateLine("bench", id);
  auto channel = rpc::GrpcChannel::New(
      {.address = deployment.Address("registration"),
       .server_name = tests::Deployment::ServerName("registration"),
       .roots_file = folder + "/roots.pem",
       .identity = {folder + "/line.pem", folder + "/line.key"}});
  if (!channel.ok()) {
    Die("a line's identity", channel.status());
  }
  return *std::move(channel);
}

LineLoad::LineLoad(rpc::GrpcChannel& channel, LineLoadOptions options,
                   std::vector<Item> items)
    : options_(std::move(options)),
      items_(std::move(items)),
      sent_(items_.size()) {
  answers_.reserve(items_.size());
  Open(channel);
}

LineLoad::~LineLoad() { (void)Stop(); }

void LineLoad::Open(rpc::GrpcChannel& channel) {
  CreateBatchRequest create;
  create.set_parent(options_.parent);
  create.set_batch_id(options_.batch);
  const auto batch =
      channel.Unary<Batch>(absl::StrCat(kService, "CreateBatch"), create);
  if (!batch.ok()) {
    Die("CreateBatch", batch.status());
  }
  stream_ = std::make_unique<Stream>(
      channel.Bidi<IssueBatchRequest, IssueBatchResponse>(
          absl::StrCat(kService, "IssueBatch")));
  IssueBatchRequest open;
  open.mutable_open()->set_batch(batch->name());
  IssueBatchResponse response;
  if (!stream_->Write(open) || !stream_->Read(response)) {
    Die("IssueBatch", stream_->Finish());
  }
  const size_t allowed = static_cast<size_t>(response.opened().max_in_flight());
  in_flight_ =
      options_.in_flight == 0 ? allowed : std::min(options_.in_flight, allowed);
  in_flight_ = std::max(in_flight_, options_.items_per_message);
  if (allowed < options_.items_per_message) {
    Die("in_flight", absl::InvalidArgumentError(
                         "less than one message is allowed: fewer lines, or "
                         "smaller messages"));
  }
  issuers_.assign(response.opened().issuer_chain_der().begin(),
                  response.opened().issuer_chain_der().end());
}

void LineLoad::Start() {
  receiver_ = std::thread([this] { Receive(); });
  sender_ = std::thread([this] { Send(); });
}

void LineLoad::Send() {
  size_t next = 0;
  while (next < items_.size()) {
    const size_t count =
        std::min(options_.items_per_message, items_.size() - next);
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] {
        return stopping_ || broken_ || unanswered_ + count <= in_flight_;
      });
      if (stopping_ || broken_) {
        break;
      }
      unanswered_ += count;
    }
    IssueBatchRequest request;
    auto& message = *request.mutable_items()->mutable_items();
    message.Reserve(static_cast<int>(count));
    for (size_t i = next; i < next + count; ++i) {
      *message.Add() = items_[i];
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      std::fill_n(sent_.begin() + static_cast<std::ptrdiff_t>(next), count,
                  Clock::Real().MonotonicNow());
    }
    next += count;
    if (!stream_->Write(request)) {
      return;
    }
  }
  ran_dry_ = next == items_.size();
  stream_->WritesDone();
}

void LineLoad::Receive() {
  IssueBatchResponse response;
  while (stream_->Read(response)) {
    const absl::Duration now = Clock::Real().MonotonicNow();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (IssueBatchResponse::Result& result :
           *response.mutable_results()->mutable_results()) {
        Take(result, now);
      }
      unanswered_ -= static_cast<size_t>(response.results().results_size());
    }
    changed_.notify_one();
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    broken_ = true;
  }
  changed_.notify_one();
}

void LineLoad::Take(IssueBatchResponse::Result& result, absl::Duration now) {
  const size_t number = ItemNumber(result.item_id());
  if (number >= items_.size()) {
    Die("a result for no item",
        absl::InternalError(absl::StrCat("'", result.item_id(), "'")));
  }
  if (result.has_error() || result.certificate_der().empty()) {
    const absl::Status status = rpc::FromProto(result.error());
    ++errors_[Reason(status).empty() ? status.ToString() : Reason(status)];
    return;
  }
  answers_.push_back({now, now - sent_[number]});
  ++certificates_;
  if (number % options_.sample_every == 0) {
    samples_.push_back({number, items_[number].csr_der(),
                        std::move(*result.mutable_certificate_der())});
  }
}

absl::Status LineLoad::Stop() {
  if (!sender_.joinable()) {
    return status_;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  return Finish();
}

absl::Status LineLoad::Finish() {
  sender_.join();
  receiver_.join();
  status_ = stream_->Finish();
  return status_;
}

}  // namespace birthmark::bench
