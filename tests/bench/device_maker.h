// device_maker makes devices with birth certificates, ready to register.
#ifndef BIRTHMARK_TESTS_BENCH_DEVICE_MAKER_H_
#define BIRTHMARK_TESTS_BENCH_DEVICE_MAKER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "lib/rpc/grpc_channel.h"
#include "lib/rpc/identity.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// Device is a device as it leaves the factory, with the request for its first
// operational certificate made already.
struct Device {
  rpc::IdentityFiles identity;  // birth certificate and key
  std::string csr_der;          // for another key
  std::string spki_der;         // that key
};

// DeviceMaker makes devices of one deployment, on a line of its own. Not
// thread-safe; ends the program if anything fails.
class DeviceMaker {
 public:
  // `deployment` must outlive it. Files go to the deployment's folder.
  explicit DeviceMaker(tests::Deployment& deployment);

  std::vector<Device> Make(size_t count);

 private:
  tests::Deployment& deployment_;
  const std::unique_ptr<rpc::GrpcChannel> channel_;
  int batches_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_DEVICE_MAKER_H_
