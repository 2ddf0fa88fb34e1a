// More is asked for than fits in: memory stays bounded, who does not fit in
// waits as long as it is told, and all is done in the end, once.
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "nlohmann/json.hpp"
#include "tests/integration/hostile_line.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMegabyte = 1 << 20;

int64_t ResidentBytes(pid_t pid) {
  const std::vector<std::string> fields =
      absl::StrSplit(ReadAll(absl::StrCat("/proc/", pid, "/statm")), ' ');
  int64_t pages = 0;
  EXPECT_TRUE(fields.size() > 1 && absl::SimpleAtoi(fields[1], &pages));
  return pages * sysconf(_SC_PAGESIZE);
}

TEST(OverloadTest, RefusedLinesWaitAndAllFinish) {
  constexpr int kLines = 5;
  constexpr int kItems = 400;
  Deployment deployment;
  // Room for two streams.
  const std::string path = deployment.home() + "/config/registration.textproto";
  WriteFile(
      path,
      absl::StrReplaceAll(
          ReadAll(path),
          {{"registration {", "registration {\n  max_in_flight_total: 128"}}));
  ASSERT_EQ(deployment.process("registration").Stop(), 0);
  deployment.Start("registration");

  std::vector<std::vector<std::string>> commands;
  for (int i = 0; i < kLines; ++i) {
    const std::string name = absl::StrCat("l", i);
    CsrFolder csrs(absl::StrCat(deployment.dir(), "/csrs-", name));
    csrs.AddMany(name, kItems);
    csrs.Finish();
    commands.push_back(
        {"provision", "--line", deployment.CreateLine("acme", name), "--batch",
         "b1", "--csr-dir", csrs.path(), "--out",
         absl::StrCat(deployment.dir(), "/out-", name), "--json"});
  }
  // Nobody is done before somebody was refused.
  deployment.process("ca").Signal(SIGSTOP);
  std::vector<std::unique_ptr<Process>> lines;
  for (const auto& command : commands) {
    lines.push_back(deployment.BirthmarkInBackground(
        command, absl::StrCat("line-", lines.size())));
  }
  const auto refused_one = [&lines] {
    return std::any_of(lines.begin(), lines.end(), [](const auto& line) {
      return absl::StrContains(line->Err(), "SERVER_OVERLOADED");
    });
  };
  for (int i = 0; i < 500 && !refused_one(); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  deployment.process("ca").Signal(SIGCONT);
  int busy = 0;
  for (const auto& line : lines) {
    EXPECT_EQ(line->Wait(), 0) << line->Err();
    const auto json = nlohmann::json::parse(line->Out(), nullptr, false);
    ASSERT_TRUE(json.is_object()) << line->Out();
    EXPECT_EQ(json["issued"], kItems);
    EXPECT_EQ(json["unfinished"], 0);
    const int refused = json["busy"];
    // The service asks for a second at least.
    EXPECT_GE(json["waited_seconds"], refused);
    if (refused > 0) {
      EXPECT_THAT(line->Err(), HasSubstr("SERVER_OVERLOADED"));
    }
    busy += refused;
  }
  EXPECT_GT(busy, 0);
  const std::string all = absl::StrCat(kLines * kItems);
  for (const char* statement :
       {"SELECT count(*) FROM devices",
        "SELECT count(*) FROM certificates WHERE device_uid IS NOT NULL",
        "SELECT count(DISTINCT spki_sha256) FROM certificates WHERE "
        "issuer_id = 'idevid' AND device_uid IS NOT NULL",
        "SELECT count(DISTINCT serial) FROM batch_items JOIN certificates "
        "USING (serial)"}) {
    EXPECT_EQ(deployment.Sql(statement), all) << statement;
  }
}

TEST(OverloadTest, WhoSendsAndNeverReadsGetsNoMoreThanItsShare) {
  constexpr int kHostileLines = 3;
  constexpr int kStreams = 16;
  // 128 MiB of items, and what gRPC holds for 48 streams. They send many times
  // that.
  constexpr int64_t kMostGrowth = 400 * kMegabyte;
  Deployment deployment;
  const std::string good = deployment.CreateLine("good", "l1");
  CsrFolder csrs(deployment.dir() + "/csrs");
  csrs.AddMany("d", 300);
  csrs.Finish();
  const pid_t pid = deployment.process("registration").pid();
  const int64_t before = ResidentBytes(pid);
  std::vector<std::unique_ptr<HostileLine>> hostile;
  for (int i = 0; i < kHostileLines; ++i) {
    const std::string name = absl::StrCat("h", i);
    hostile.push_back(std::make_unique<HostileLine>(
        deployment, deployment.CreateLine("bad", name), "bad", name, kStreams));
  }
  auto line = deployment.BirthmarkInBackground(
      {"provision", "--line", good, "--batch", "b1", "--csr-dir", csrs.path(),
       "--out", deployment.dir() + "/out"},
      "line");
  int64_t most = 0;
  const absl::Time least = Clock::Real().Now() + absl::Seconds(5);
  while (line->Running() || Clock::Real().Now() < least) {
    most = std::max(most, ResidentBytes(pid));
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_EQ(line->Wait(), 0) << line->Err();
  EXPECT_EQ(Files(deployment.dir() + "/out", ".pem").size(), 300u);
  // The sanitizers' own memory says nothing.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(most - before, kMostGrowth);
#endif
  uint64_t sent = 0;
  for (const auto& one : hostile) {
    EXPECT_GT(one->opened(), 0u);
    sent += one->sent();
  }
  EXPECT_GT(sent, 1000u);
  std::cerr << "resident: " << before / kMegabyte << " MiB before, at most "
            << most / kMegabyte << " MiB; " << sent
            << " items were sent in bad faith" << std::endl;
  // Nothing is held when they are gone.
  hostile.clear();
  EXPECT_EQ(deployment.Birthmark({"fleet", "list"}).exit_code, 0);
}

// Connects to a Unix socket. -1 if that fails.
int ConnectTo(absl::string_view address) {
  absl::ConsumePrefix(&address, "unix:");
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd);
    return -1;
  }
  const timeval patience = {.tv_sec = 30};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return fd;
}

TEST(OverloadTest, ConnectionsBeyondTheLimitOfFilesAreRefusedAndNoMore) {
  constexpr int kFiles = 250;
  Deployment deployment;
  ASSERT_EQ(deployment.Birthmark({"fleet", "create", "f"}).exit_code, 0);
  Process& server = deployment.process("inventory");
  const rlimit few = {kFiles, kFiles};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::vector<int> connections;
  for (int i = 0; i < kFiles + 50; ++i) {
    const int fd = ConnectTo(deployment.Address("inventory"));
    ASSERT_GE(fd, 0) << i;
    connections.push_back(fd);
  }
  // The last one is closed instead of left to wait.
  char byte = 0;
  EXPECT_EQ(read(connections.back(), &byte, 1), 0);
  for (int i = 0;
       i < 500 && !absl::StrContains(server.Err(), "connections_refused");
       ++i) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_THAT(server.Err(), HasSubstr("connections_refused"));
  for (const int fd : connections) {
    close(fd);
  }
  // The server lives on.
  ProcessResult result;
  for (int i = 0; i < 50 && result.exit_code != 0; ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    result = deployment.Birthmark({"fleet", "list"});
  }
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

}  // namespace
}  // namespace birthmark::tests
