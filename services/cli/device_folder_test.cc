#include "services/cli/device_folder.h"

#include <filesystem>
#include <string>

#include "lib/base/file.h"
#include "lib/base/testing.h"

namespace birthmark::cli {
namespace {

class DeviceFolderTest : public testing::Test {
 protected:
  DeviceFolderTest()
      : dir_(testing::TempDir() + "/" +
             testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }

  void Write(const std::string& name, const std::string& bytes) const {
    ASSERT_OK(WriteFileAtomically(dir_ + "/" + name, bytes, 0600));
  }
  // The content, "" if there is no such file.
  std::string Read(const std::string& name) const {
    return ReadFile(dir_ + "/" + name).value_or("");
  }
  void ExpectInUse(const std::string& key, const std::string& pem) const {
    EXPECT_EQ(Read("ldevid.key"), key);
    EXPECT_EQ(Read("ldevid.pem"), pem);
    EXPECT_EQ(Read("ldevid.key.next"), "");
    EXPECT_EQ(Read("ldevid.pem.next"), "");
  }

  const std::string dir_;
  const DeviceFolder folder_{dir_};
};

TEST_F(DeviceFolderTest, TheFirstIdentityHasNoPrevious) {
  Write("ldevid.key.next", "key 1");
  ASSERT_OK(folder_.Install("pem 1"));
  ExpectInUse("key 1", "pem 1");
  EXPECT_EQ(Read("ldevid.key.previous"), "");
}

TEST_F(DeviceFolderTest, TheOldIdentityIsKept) {
  Write("ldevid.key", "key 1");
  Write("ldevid.pem", "pem 1");
  Write("ldevid.key.next", "key 2");
  ASSERT_OK(folder_.Install("pem 2"));
  ExpectInUse("key 2", "pem 2");
  EXPECT_EQ(Read("ldevid.key.previous"), "key 1");
  EXPECT_EQ(Read("ldevid.pem.previous"), "pem 1");
}

TEST_F(DeviceFolderTest, ACrashBeforeTheSwapIsCompleted) {
  Write("ldevid.key", "key 1");
  Write("ldevid.pem", "pem 1");
  Write("ldevid.key.next", "key 2");
  Write("ldevid.pem.next", "pem 2");
  ASSERT_OK(folder_.Complete());
  ExpectInUse("key 2", "pem 2");
  EXPECT_EQ(Read("ldevid.pem.previous"), "pem 1");
}

TEST_F(DeviceFolderTest, ACrashBetweenKeyAndCertificateIsCompleted) {
  Write("ldevid.key", "key 2");
  Write("ldevid.pem", "pem 1");
  Write("ldevid.key.previous", "key 1");
  Write("ldevid.pem.previous", "pem 1");
  Write("ldevid.pem.next", "pem 2");
  ASSERT_OK(folder_.Complete());
  ExpectInUse("key 2", "pem 2");
  EXPECT_EQ(Read("ldevid.key.previous"), "key 1");
}

TEST_F(DeviceFolderTest, AKeyThatIsNotCertifiedYetChangesNothing) {
  Write("ldevid.key", "key 1");
  Write("ldevid.pem", "pem 1");
  Write("ldevid.key.next", "key 2");
  ASSERT_OK(folder_.Complete());
  EXPECT_EQ(Read("ldevid.key"), "key 1");
  EXPECT_EQ(Read("ldevid.key.next"), "key 2");
  folder_.DropNextKey();
  ExpectInUse("key 1", "pem 1");
}

}  // namespace
}  // namespace birthmark::cli
