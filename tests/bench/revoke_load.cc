#include "tests/bench/revoke_load.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/clock.h"

namespace birthmark::bench {
namespace {

constexpr char kRevoke[] =
    "birthmark.revocation.v1.RevocationService.RevokeCertificate";
constexpr char kGetCrl[] = "birthmark.revocation.v1.RevocationService.GetCrl";

[[noreturn]] void Die(const std::string& what, const absl::Status& status) {
  std::cerr << what << ": " << status << std::endl;
  exit(1);
}

std::unique_ptr<rpc::GrpcChannel> Connect(tests::Deployment& deployment) {
  auto channel = rpc::GrpcChannel::New(
      {.address = deployment.Address("registration"),
       .server_name = tests::Deployment::ServerName("registration"),
       .roots_file = deployment.home() + "/trust/root.pem",
       .identity = {deployment.home() + "/operator/operator.pem",
                    deployment.home() + "/operator/operator.key"}});
  if (!channel.ok()) {
    Die("the operator's identity", channel.status());
  }
  return *std::move(channel);
}

}  // namespace

RevokeLoad::RevokeLoad(tests::Deployment& deployment, const std::string& issuer,
                       int max_clients)
    : issuer_(issuer) {
  for (int i = 0; i < max_clients; ++i) {
    channels_.push_back(Connect(deployment));
  }
}

absl::Duration RevokeLoad::RevokeOne(rpc::GrpcChannel& channel,
                                     const std::string& serial) const {
  revocation::v1::RevokeCertificateRequest request;
  request.set_name(absl::StrCat("issuers/", issuer_, "/certificates/",
                                absl::BytesToHexString(serial)));
  request.set_reason(certificate::v1::REVOCATION_REASON_CESSATION_OF_OPERATION);
  request.set_etag("\"1\"");
  const absl::Duration start = Clock::Real().MonotonicNow();
  const auto revocation =
      channel.Unary<revocation::v1::Revocation>(kRevoke, request);
  const absl::Duration time = Clock::Real().MonotonicNow() - start;
  if (!revocation.ok()) {
    Die("RevokeCertificate", revocation.status());
  }
  return time;
}

std::vector<absl::Duration> RevokeLoad::Revoke(
    const std::vector<std::string>& serials, int clients) {
  std::vector<absl::Duration> times(serials.size());
  std::atomic<size_t> next{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < clients; ++i) {
    callers.emplace_back(
        [&, channel = channels_[static_cast<size_t>(i)].get()] {
          for (size_t mine = next++; mine < serials.size(); mine = next++) {
            times[mine] = RevokeOne(*channel, serials[mine]);
          }
        });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  return times;
}

RevokeLoad::Crl RevokeLoad::FetchCrl(int64_t shard) {
  revocation::v1::GetCrlRequest request;
  request.set_name(absl::StrCat("issuers/", issuer_, "/crls/", shard));
  const absl::Duration start = Clock::Real().MonotonicNow();
  auto crl = channels_[0]->Unary<revocation::v1::Crl>(kGetCrl, request);
  const absl::Duration time = Clock::Real().MonotonicNow() - start;
  if (!crl.ok()) {
    Die("GetCrl", crl.status());
  }
  return {.time = time,
          .number = crl->number(),
          .der = std::move(*crl->mutable_crl_der())};
}

}  // namespace birthmark::bench
