#include "tests/bench/device_maker.h"

#include <sys/stat.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/keys/local_key.h"
#include "lib/x509/pem.h"
#include "tests/bench/item_maker.h"
#include "tests/bench/line_load.h"
#include "tests/support/csr_folder.h"

namespace birthmark::bench {
namespace {

void Require(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << "cannot make devices: " << status << std::endl;
    exit(1);
  }
}

void WritePrivateFile(const std::string& path, const std::string& content) {
  tests::WriteFile(path, "");
  chmod(path.c_str(), 0600);
  tests::WriteFile(path, content);
}

}  // namespace

DeviceMaker::DeviceMaker(tests::Deployment& deployment)
    : deployment_(deployment), channel_(NewLine(deployment, "maker")) {
  mkdir((deployment.dir() + "/devices").c_str(), 0700);
}

std::vector<Device> DeviceMaker::Make(size_t count) {
  const std::string batch = absl::StrCat("batch-", ++batches_);
  std::vector<std::unique_ptr<keys::LocalKey>> keys;
  std::vector<Item> items = MakeItems(count, batch, &keys);
  LineLoad load(
      *channel_,
      {.parent = "fleets/bench/lines/maker", .batch = batch, .sample_every = 1},
      std::move(items));
  load.Start();
  Require(load.Finish());
  std::string issuers;
  for (const std::string& der : load.issuers()) {
    issuers += x509::PemEncode(x509::kPemCertificate, der);
  }

  std::vector<Device> devices;
  devices.reserve(count);
  for (const LineLoad::Sample& sample : load.samples()) {
    const std::string path =
        absl::StrCat(deployment_.dir(), "/devices/", batch, "-", sample.number);
    Device device;
    device.identity = {path + ".pem", path + ".key"};
    WritePrivateFile(
        device.identity.certificate,
        x509::PemEncode(x509::kPemCertificate, sample.certificate_der) +
            issuers);
    WritePrivateFile(device.identity.private_key,
                     keys.at(sample.number)->ToPem());
    const auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
    Require(key.status());
    device.csr_der = tests::MakeCsr(**key);
    device.spki_der = std::string((*key)->public_key().spki_der());
    devices.push_back(std::move(device));
  }
  if (devices.size() != count) {
    Require(absl::InternalError("not every item has a certificate"));
  }
  return devices;
}

}  // namespace birthmark::bench
