// GrpcCrlSource is the service as a CrlSource.

#ifndef BIRTHMARK_SERVICES_CLI_GRPC_CRL_SOURCE_H_
#define BIRTHMARK_SERVICES_CLI_GRPC_CRL_SOURCE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/grpc_channel.h"
#include "services/cli/crl_sync.h"

namespace birthmark::cli {

// GrpcCrlSource is thread-safe.
class GrpcCrlSource : public CrlSource {
 public:
  explicit GrpcCrlSource(std::unique_ptr<rpc::GrpcChannel> channel)
      : channel_(std::move(channel)) {}

  absl::StatusOr<std::set<int>> ListShards(const std::string& issuer) override;
  absl::StatusOr<std::string> GetCrl(const CrlName& name) override;
  absl::Status Report(int64_t revision, absl::Time next_update) override;
  absl::Status Watch(
      const std::string& token,
      const std::function<void(const CrlNews&)>& on_news) override;
  void CancelWatch() override;

 private:
  using Stream = rpc::ClientStream<revocation::v1::WatchRevocationsRequest,
                                   revocation::v1::WatchRevocationsResponse>;

  const std::unique_ptr<rpc::GrpcChannel> channel_;
  std::mutex mutex_;
  Stream* stream_ = nullptr;  // under mutex_
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_GRPC_CRL_SOURCE_H_
