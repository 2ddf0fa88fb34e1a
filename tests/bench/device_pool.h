// device_pool gives devices that are in the database already identities to call
// with.
#ifndef BIRTHMARK_TESTS_BENCH_DEVICE_POOL_H_
#define BIRTHMARK_TESTS_BENCH_DEVICE_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/rpc/grpc_channel.h"
#include "tests/bench/inventory_past.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// PooledDevice is a device that can call.
struct PooledDevice {
  std::string model;
  std::string name;  // the resource
  std::unique_ptr<rpc::GrpcChannel> channel;
};

// MakeDevicePool chooses active devices from all over and gives each a fresh
// key and an operational certificate, signed with the deployment's own issuer
// key and recorded as `registration` and `ca` would have. Ends the program if
// anything fails.
std::vector<PooledDevice> MakeDevicePool(tests::Deployment& deployment,
                                         const InventoryPast& past, int count);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_DEVICE_POOL_H_
