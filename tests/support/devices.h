// MakeDevices makes devices of a deployment for tests of what becomes of them.
#ifndef BIRTHMARK_TESTS_SUPPORT_DEVICES_H_
#define BIRTHMARK_TESTS_SUPPORT_DEVICES_H_

#include <string>
#include <vector>

#include "tests/support/deployment.h"

namespace birthmark::tests {

// MakeDevices provisions devices on the line acme/l1 and registers them; their
// identity folders are FOLDER/ID. Ends the program if that fails.
void MakeDevices(Deployment& deployment, const std::string& folder,
                 const std::vector<std::string>& ids);

// SerialOf returns the serial number of the first certificate in a file, as
// lower-case hex. CertificateOf returns its resource name.
std::string SerialOf(const std::string& certificate_file);
std::string CertificateOf(const std::string& issuer,
                          const std::string& certificate_file);

// MakeBirthCertificates provisions `count` devices in a batch of acme/l1, and
// returns the serial numbers of their birth certificates as lower-case hex.
std::vector<std::string> MakeBirthCertificates(Deployment& deployment,
                                               const std::string& batch,
                                               int count);

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_DEVICES_H_
