// openssl_testing runs the openssl command in a test's directory.
#ifndef BIRTHMARK_LIB_X509_OPENSSL_TESTING_H_
#define BIRTHMARK_LIB_X509_OPENSSL_TESTING_H_

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {

class OpenSslTest : public ::testing::Test {
 protected:
  std::string Path(absl::string_view name) {
    return absl::StrCat(::testing::TempDir(), "/", name);
  }

  void Write(absl::string_view name, absl::string_view content) {
    std::ofstream(Path(name), std::ios::binary) << content;
  }

  std::string Read(absl::string_view name) {
    std::ifstream file(Path(name), std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
  }

  // Runs openssl in the test's directory; returns what it wrote.
  std::string Run(absl::string_view arguments, int want_exit = 0) {
    const std::string command =
        absl::StrCat("cd '", ::testing::TempDir(), "' && /usr/bin/openssl ",
                     arguments, " > out.txt 2>&1");
    const int result = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(result), want_exit) << command << "\n"
                                              << Read("out.txt");
    return Read("out.txt");
  }

  TestCa ca_;
  const std::string spki_ =
      TestKey::Shared(crypto::KeyAlgorithm::kP256).spki_der();
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_OPENSSL_TESTING_H_
