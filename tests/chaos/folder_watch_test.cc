#include "tests/chaos/folder_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include <map>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deployment.h"

namespace birthmark::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(FolderWatchTest, RemembersWhatIsGoneAndWhatWasReplaced) {
  char name[] = "/tmp/bm-watch.XXXXXX";
  const std::string folder = mkdtemp(name);
  tests::WriteFile(folder + "/before.pem", "0");
  FolderWatch watch(folder);
  const auto wait_for = [&watch](size_t count) {
    while (watch.finished() < count) {
    }
  };
  tests::WriteFile(folder + "/.lock", "not looked at");
  tests::WriteFile(folder + "/a.pem.tmp.1", "1");
  rename((folder + "/a.pem.tmp.1").c_str(), (folder + "/a.pem").c_str());
  tests::WriteFile(folder + "/b.pem", "2");
  wait_for(2);
  tests::WriteFile(folder + "/b.pem", "3");
  tests::WriteFile(folder + "/c.pem", "4");
  wait_for(3);
  remove((folder + "/c.pem").c_str());
  tests::WriteFile(folder + "/empty.pem", "");

  auto contents = watch.Stop();
  // May have been seen before it was moved.
  contents.erase("a.pem.tmp.1");
  EXPECT_THAT(contents, ElementsAre(Pair("a.pem", ElementsAre("1")),
                                    Pair("b.pem", ElementsAre("2", "3")),
                                    Pair("before.pem", ElementsAre("0")),
                                    Pair("c.pem", ElementsAre("4"))));
  tests::RunProgram({"rm", "-r", folder});
}

}  // namespace
}  // namespace birthmark::chaos
