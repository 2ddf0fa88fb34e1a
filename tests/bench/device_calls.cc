#include "tests/bench/device_calls.h"

#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "google/protobuf/empty.pb.h"
#include "lib/x509/certificate.h"

namespace birthmark::bench {
namespace {

using google::protobuf::Empty;
using registration::v1::RegisterDeviceRequest;
using registration::v1::RegisterDeviceResponse;

constexpr char kRegister[] =
    "birthmark.registration.v1.RegistrationService.RegisterDevice";
// Its messages are read and written as empty ones: what is in them is unknown
// fields.
constexpr char kHealth[] = "grpc.health.v1.Health.Check";

template <typename... Parts>
[[noreturn]] void Die(const Parts&... parts) {
  std::cerr << absl::StrCat(parts...) << std::endl;
  exit(1);
}

}  // namespace

std::unique_ptr<rpc::GrpcChannel> ConnectDevice(
    const tests::Deployment& deployment, const Device& device) {
  auto channel = rpc::GrpcChannel::New(
      {.address = deployment.Address("registration"),
       .server_name = tests::Deployment::ServerName("registration"),
       .roots_file = deployment.home() + "/trust/root.pem",
       .identity = device.identity});
  if (!channel.ok()) {
    Die("a device's identity: ", channel.status().ToString());
  }
  return *std::move(channel);
}

absl::Status CheckHealth(rpc::GrpcChannel& channel) {
  return channel.Unary<Empty>(kHealth, Empty()).status();
}

absl::Status RegisterDevice(rpc::GrpcChannel& channel, const Device& device,
                            absl::Duration timeout) {
  RegisterDeviceRequest request;
  request.set_csr_der(device.csr_der);
  const auto response =
      channel.Unary<RegisterDeviceResponse>(kRegister, request, timeout);
  if (!response.ok()) {
    return response.status();
  }
  if (response->certificate_chain_der().empty()) {
    return absl::InternalError("no certificate");
  }
  const auto certificate =
      x509::Certificate::Parse(response->certificate_chain_der(0));
  if (!certificate.ok() || (*certificate)->spki_der != device.spki_der) {
    return absl::InternalError("a certificate of another key");
  }
  return absl::OkStatus();
}

uint64_t CountRegistered(tests::Deployment& deployment, uint64_t expected) {
  const auto count = [&deployment](const std::string& from) {
    const std::string text =
        deployment.Sql(absl::StrCat("SELECT count(*) FROM ", from));
    uint64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) {
      Die("'", text, "' is no count");
    }
    return number;
  };
  const uint64_t certificates = count("certificates WHERE profile = 'ldevid'");
  const uint64_t devices = count(
      "(SELECT device_uid FROM certificates WHERE profile = 'ldevid' "
      "GROUP BY 1) certified JOIN devices USING (device_uid) WHERE state = 2");
  if (certificates != expected || devices != expected) {
    Die(expected, " devices were registered; the database has ", certificates,
        " certificates of ", devices, " active devices");
  }
  return certificates;
}

}  // namespace birthmark::bench
