// CsrFolder is what a line hands to `birthmark provision`: a folder of CSRs
// made at run time, and the CSV that describes their devices.
#ifndef BIRTHMARK_TESTS_SUPPORT_CSR_FOLDER_H_
#define BIRTHMARK_TESTS_SUPPORT_CSR_FOLDER_H_

#include <memory>
#include <string>

#include "lib/crypto/public_key.h"
#include "lib/keys/local_key.h"

namespace birthmark::tests {

// MakeCsr returns a PKCS#10 request (DER) signed by `key`.
std::string MakeCsr(const keys::LocalKey& key);

// CsrFolder writes as it is told; Finish writes the CSV.
class CsrFolder {
 public:
  explicit CsrFolder(std::string path);

  // Add makes a device with a fresh key and returns the key.
  std::unique_ptr<keys::LocalKey> Add(
      const std::string& id, const std::string& model = "gateway-7",
      crypto::KeyAlgorithm algorithm = crypto::KeyAlgorithm::kP256);
  // AddRaw writes `csr` as it is for a device of that id.
  void AddRaw(const std::string& id, const std::string& csr,
              const std::string& model = "gateway-7",
              const std::string& serial_number = "");
  // AddMany adds `count` P-256 devices with ids PREFIX-000001 and so on.
  void AddMany(const std::string& prefix, int count);

  // Finish writes devices.csv.
  void Finish() const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string csv_ = "id,model,serial_number,hardware_revision\n";
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_CSR_FOLDER_H_
