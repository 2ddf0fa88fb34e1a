// device_calls is what a device does, over a connection of its own.
// Thread-safe.
#ifndef BIRTHMARK_TESTS_BENCH_DEVICE_CALLS_H_
#define BIRTHMARK_TESTS_BENCH_DEVICE_CALLS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/device_maker.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// ConnectDevice returns a channel to registration with the device's birth
// certificate. Ends the program if its files cannot be used.
std::unique_ptr<rpc::GrpcChannel> ConnectDevice(
    const tests::Deployment& deployment, const Device& device);

// CheckHealth asks whether the server serves: it answers whoever has completed
// the handshake.
absl::Status CheckHealth(rpc::GrpcChannel& channel);

// RegisterDevice registers the device and checks that the certificate is for
// its key.
absl::Status RegisterDevice(rpc::GrpcChannel& channel, const Device& device,
                            absl::Duration timeout = rpc::kDefaultTimeout);

// CountRegistered returns how many operational certificates the database holds.
// Ends the program unless that is `expected`, each of an active device of its
// own.
uint64_t CountRegistered(tests::Deployment& deployment, uint64_t expected);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_DEVICE_CALLS_H_
