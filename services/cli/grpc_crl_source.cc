#include "services/cli/grpc_crl_source.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"

namespace birthmark::cli {
namespace {

namespace pb = revocation::v1;

constexpr char kService[] = "birthmark.revocation.v1.RevocationService.";

std::string Method(absl::string_view name) {
  return absl::StrCat(kService, name);
}

CrlNews NewsOf(const pb::WatchRevocationsResponse& message) {
  CrlNews news;
  news.token = message.resume_token();
  news.revision = message.revision();
  for (const pb::Revocation& change : message.changes()) {
    // issuers/{issuer}/certificates/{serial}
    const std::vector<absl::string_view> parts =
        absl::StrSplit(change.certificate(), '/');
    if (parts.size() == 4) {
      news.changed.insert({std::string(parts[1]), change.crl_shard()});
    }
  }
  return news;
}

}  // namespace

absl::StatusOr<std::set<int>> GrpcCrlSource::ListShards(
    const std::string& issuer) {
  pb::ListCrlShardsRequest request;
  request.set_parent(absl::StrCat("issuers/", issuer));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto response,
                             channel_->Unary<pb::ListCrlShardsResponse>(
                                 Method("ListCrlShards"), request));
  return std::set<int>(response.shards().begin(), response.shards().end());
}

absl::StatusOr<std::string> GrpcCrlSource::GetCrl(const CrlName& name) {
  pb::GetCrlRequest request;
  request.set_name(CrlNameText(name));
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto crl, channel_->Unary<pb::Crl>(Method("GetCrl"), request));
  return std::move(*crl.mutable_crl_der());
}

absl::Status GrpcCrlSource::Report(int64_t revision, absl::Time next_update) {
  pb::ReportEnforcementRequest request;
  request.set_revision(revision);
  request.mutable_next_update_time()->set_seconds(
      absl::ToUnixSeconds(next_update));
  return channel_
      ->Unary<pb::EnforcementPoint>(Method("ReportEnforcement"), request)
      .status();
}

absl::Status GrpcCrlSource::Watch(
    const std::string& token,
    const std::function<void(const CrlNews&)>& on_news) {
  Stream stream =
      channel_->Bidi<pb::WatchRevocationsRequest, pb::WatchRevocationsResponse>(
          Method("WatchRevocations"));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_ = &stream;
  }
  pb::WatchRevocationsRequest request;
  request.set_resume_token(token);
  if (stream.Write(request) && stream.WritesDone()) {
    for (pb::WatchRevocationsResponse message; stream.Read(message);) {
      on_news(NewsOf(message));
    }
  } else {
    for (pb::WatchRevocationsResponse rest; stream.Read(rest);) {
    }
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stream_ = nullptr;
  }
  return stream.Finish();
}

void GrpcCrlSource::CancelWatch() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stream_ != nullptr) {
    stream_->Cancel();
  }
}

}  // namespace birthmark::cli
