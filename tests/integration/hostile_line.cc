#include "tests/integration/hostile_line.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace birthmark::tests {
namespace {

constexpr char kService[] = "birthmark.provisioning.v1.ProvisioningService.";
// More than any CSR of use, less than what is refused unseen.
constexpr size_t kCsrBytes = size_t{8} << 10;
constexpr int kMaxMessage = 256;
constexpr absl::Duration kPause = absl::Milliseconds(50);

}  // namespace

HostileLine::HostileLine(const Deployment& deployment,
                         const std::string& identity, const std::string& fleet,
                         const std::string& line, int streams) {
  auto channel = rpc::GrpcChannel::New(
      {.address = deployment.Address("registration"),
       .server_name = Deployment::ServerName("registration"),
       .roots_file = identity + "/roots.pem",
       .identity = {identity + "/line.pem", identity + "/line.key"}});
  if (!channel.ok()) {
    std::cerr << channel.status() << std::endl;
    std::abort();
  }
  channel_ = *std::move(channel);
  provisioning::v1::CreateBatchRequest create;
  create.set_parent(absl::StrCat("fleets/", fleet, "/lines/", line));
  create.set_batch_id("b1");
  batch_ = absl::StrCat(create.parent(), "/batches/b1");
  const auto created = channel_->Unary<provisioning::v1::Batch>(
      absl::StrCat(kService, "CreateBatch"), create);
  if (!created.ok()) {
    std::cerr << created.status() << std::endl;
    std::abort();
  }
  for (int i = 0; i < streams; ++i) {
    threads_.emplace_back([this, i] { Work(i); });
  }
}

HostileLine::~HostileLine() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    for (Stream* stream : streams_) {
      stream->Cancel();
    }
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void HostileLine::Work(int number) {
  for (int round = 0;; ++round) {
    Stream stream =
        channel_->Bidi<Request, Response>(absl::StrCat(kService, "IssueBatch"));
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) {
        return;
      }
      streams_.insert(&stream);
    }
    Flood(stream, absl::StrCat(number, "-", round, "-"));
    {
      std::lock_guard<std::mutex> lock(mutex_);
      streams_.erase(&stream);
    }
    // Whatever it was told.
    absl::SleepFor(kPause);
  }
}

void HostileLine::Flood(Stream& stream, const std::string& prefix) {
  Request open;
  open.mutable_open()->set_batch(batch_);
  Response response;
  if (!stream.Write(open) || !stream.Read(response)) {
    return;
  }
  ++opened_;
  const int count =
      std::clamp(response.opened().max_in_flight() / 2, 1, kMaxMessage);
  for (int n = 0;; n += count) {
    Request request;
    for (int i = 0; i < count; ++i) {
      Request::Item& item = *request.mutable_items()->add_items();
      item.set_item_id(absl::StrCat(prefix, n + i));
      item.set_csr_der(std::string(kCsrBytes, 'x'));
      item.set_model("gateway-7");
      item.set_serial_number(absl::StrCat("S-", prefix, n + i));
    }
    if (!stream.Write(request)) {
      return;
    }
    sent_ += static_cast<uint64_t>(count);
  }
}

}  // namespace birthmark::tests
