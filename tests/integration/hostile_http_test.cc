// Everybody can reach the role `status`. Whatever comes, it lives, its memory
// is bounded, and others are answered.
#include <sys/resource.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "tests/support/deployment.h"
#include "tests/support/devices.h"
#include "tests/support/http_client.h"
#include "tests/support/ocsp_client.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

constexpr char kType[] = "application/ocsp-request";
constexpr int kConnections = 2000;  // the limit in this deployment
constexpr int64_t kResidentMib = 256;

// Der returns an element in DER.
std::string Der(char tag, const std::string& content) {
  std::string length;
  if (content.size() < 128) {
    length = std::string(1, static_cast<char>(content.size()));
  } else {
    for (size_t rest = content.size(); rest > 0; rest >>= 8) {
      length.insert(length.begin(), static_cast<char>(rest & 0xff));
    }
    length.insert(length.begin(), static_cast<char>(0x80 | length.size()));
  }
  return absl::StrCat(std::string(1, tag), length, content);
}

// Lets this program and those that it starts have many connections.
bool RaiseDescriptors() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

class HostileHttpTest : public testing::Test {
 protected:
  // On TCP, where the roles serve their metrics.
  HostileHttpTest()
      : raised_(RaiseDescriptors()),
        deployment_({.tcp = true,
                     .status = true,
                     .config = {{"status", absl::StrCat("connections: ",
                                                        kConnections)}}}),
        address_(deployment_.HttpAddress()) {
    serial_ = MakeBirthCertificates(deployment_, "b", 1).front();
    ExpectWell();
  }

  OcspClient Client() { return OcspClient(deployment_, "idevid", address_); }

  void ExpectWell() {
    EXPECT_EQ(Client().Ask(serial_), "good");
    EXPECT_TRUE(deployment_.process("status").Running());
    EXPECT_LT(ResidentMib(), kResidentMib);
  }

  int64_t ResidentMib() {
    const std::string status = ReadAll(
        absl::StrCat("/proc/", deployment_.process("status").pid(), "/status"));
    int64_t kib = 0;
    const size_t at = status.find("VmRSS:");
    EXPECT_TRUE(absl::SimpleAtoi(
        status.substr(at + 6, status.find("kB", at) - at - 6), &kib));
    return kib / 1024;
  }

  // The sum of all metrics whose line starts so.
  int64_t Metric(const std::string& prefix) {
    const std::string address = deployment_.Address("status");
    int port = 0;
    EXPECT_TRUE(
        absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    const HttpAnswer answer =
        HttpClient(absl::StrCat("127.0.0.1:", port + 1000)).Get("/metrics");
    EXPECT_EQ(answer.code, 200);
    int64_t sum = 0;
    for (const absl::string_view line : absl::StrSplit(answer.body, '\n')) {
      double value = 0;
      if (absl::StartsWith(line, prefix) &&
          absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) {
        sum += static_cast<int64_t>(value);
      }
    }
    return sum;
  }

  // MedianLatency is that of 200 requests of a well-behaved client.
  absl::Duration MedianLatency() {
    HttpClient client(address_);
    const std::string request = Client().Request(serial_);
    std::vector<absl::Duration> took;
    for (int i = 0; i < 200; ++i) {
      const absl::Duration begin = Clock::Real().MonotonicNow();
      EXPECT_EQ(client.Post("/ocsp", kType, request).code, 200);
      took.push_back(Clock::Real().MonotonicNow() - begin);
    }
    std::nth_element(took.begin(), took.begin() + 100, took.end());
    return took[100];
  }

  const bool raised_;
  Deployment deployment_;
  const std::string address_;
  std::string serial_;
};

TEST_F(HostileHttpTest, RequestsThatAreNoneAreRefused) {
  const std::string good = Client().Request(serial_);
  OcspClient judge = Client();
  const auto answer_to = [&](const std::string& body) {
    const HttpAnswer answer = HttpClient(address_).Post("/ocsp", kType, body);
    return answer.code == 200 ? judge.Judge(answer.body, serial_)
                              : absl::StrCat("HTTP ", answer.code);
  };
  for (const std::string& bad :
       {std::string(), std::string("\x30\x80\0\0", 4), std::string(4000, '0'),
        good.substr(0, good.size() - 1), good + '\0', Der(0x30, ""),
        std::string("\x30\x84\xff\xff\xff\xff", 6),
        std::string(8000, '\x30')}) {
    EXPECT_EQ(answer_to(bad), "malformed") << bad.size();
  }
  EXPECT_EQ(answer_to(good), "good");
  EXPECT_EQ(answer_to(std::string(size_t{1} << 20, 'x')), "HTTP 413");

  // Ten thousand questions in one request.
  const std::string one = good.substr(6);  // Without its three envelopes.
  std::string many;
  for (int i = 0; i < 10000; ++i) {
    many += one;
  }
  EXPECT_EQ(answer_to(Der(0x30, Der(0x30, Der(0x30, many)))), "HTTP 413");
  many.resize(16 * one.size());
  EXPECT_EQ(answer_to(Der(0x30, Der(0x30, Der(0x30, many)))), "good");
  many.pop_back();
  EXPECT_EQ(answer_to(Der(0x30, Der(0x30, Der(0x30, many)))), "malformed");

  EXPECT_EQ(HttpClient(address_).Get("/ocsp/" + std::string(20000, 'A')).code,
            431);
  EXPECT_EQ(HttpClient(address_).Get("/ocsp/%%%").code, 200);
  EXPECT_EQ(HttpClient(address_).Post("/ocsp", "text/plain", good).code, 415);
  EXPECT_GE(Metric("birthmark_http_bad_requests_total{kind=\"body\""), 2);
  EXPECT_GE(Metric("birthmark_http_bad_requests_total{kind=\"header\""), 1);
  ExpectWell();
}

TEST_F(HostileHttpTest, RandomOctetsAreNoProblem) {
  std::random_device seed;
  std::mt19937 random(seed());
  const std::string good =
      PostRequest("/ocsp", kType, Client().Request(serial_));
  std::vector<std::unique_ptr<HttpClient>> patient;
  for (int i = 0; i < 1500; ++i) {
    auto client = std::make_unique<HttpClient>(address_);
    std::string octets = good;
    if (i % 3 == 0) {
      octets.resize(1 + random() % 3000);
      for (char& octet : octets) {
        octet = static_cast<char>(random());
      }
    } else {
      for (unsigned n = 1 + random() % 4; n > 0; --n) {
        octets[random() % octets.size()] = static_cast<char>(random());
      }
      octets.resize(random() % octets.size());
    }
    EXPECT_TRUE(client->Send(octets));
    if (i % 4 != 0) {  // The others go away without a word.
      client->End();
      patient.push_back(std::move(client));
    }
  }
  int64_t told = 0;
  for (const auto& client : patient) {
    for (HttpAnswer answer; (answer = client->Read()).code != 0;) {
      told += answer.code == 400 ? 1 : 0;
    }
    EXPECT_TRUE(client->Closed());
  }
  const int64_t counted =
      Metric("birthmark_http_bad_requests_total{kind=\"malformed\"");
  std::cout << "told " << told << ", counted " << counted << std::endl;
  EXPECT_GT(told, 100);
  EXPECT_GE(counted, told);
  ExpectWell();
}

TEST_F(HostileHttpTest, SlowClientsHoldNobodyUp) {
  const absl::Duration before = MedianLatency();
  const std::string request =
      PostRequest("/ocsp", kType, Client().Request(serial_));
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (int i = 0; i < 32; ++i) {
    slow.push_back(std::make_unique<HttpClient>(address_));
  }
  absl::Duration during;
  size_t closed = 0;
  for (size_t second = 0; second < 8; ++second) {
    for (const auto& client : slow) {
      client->Send(request.substr(second, 1));
    }
    during = std::max(during, MedianLatency());
    absl::SleepFor(absl::Seconds(1));
  }
  for (const auto& client : slow) {
    const HttpAnswer answer = client->Read();
    closed += answer.code == 408 || client->Closed() ? 1 : 0;
  }
  std::cout << "median before " << before << ", with 32 slow clients " << during
            << std::endl;
  // One that waited for another would take a second.
  EXPECT_LT(during, 10 * before + absl::Milliseconds(300));
  EXPECT_EQ(closed, slow.size());
  EXPECT_GE(Metric("birthmark_http_timeouts_total{kind=\"request\""), 32);
  ExpectWell();
}

TEST_F(HostileHttpTest, MoreConnectionsThanThereIsRoomFor) {
  const auto taken = [this] {
    return Metric(
               "birthmark_http_connections_accepted_total{listener="
               "\"status\"") +
           Metric("birthmark_http_connections_refused_total");
  };
  const int64_t before = taken();
  std::vector<std::unique_ptr<HttpClient>> many;
  size_t refused = 0;
  for (int i = 0; i < kConnections + 500; ++i) {
    many.push_back(std::make_unique<HttpClient>(address_));
    refused += many.back()->connected() ? 0 : 1;
    if (i % 2 == 0) {
      many.back()->Send("GET ");  // Busy: it does not make room.
    }
  }
  // The kernel has them all; the server takes them one after the other.
  const int64_t wanted = before + static_cast<int64_t>(many.size() - refused);
  for (int attempt = 0; attempt < 1000 && taken() < wanted; ++attempt) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_GE(taken(), wanted);
  const int64_t open = Metric("birthmark_http_connections{listener=\"status\"");
  std::cout << many.size() << " connections, " << refused
            << " refused by the kernel, " << open << " open, resident "
            << ResidentMib() << " MiB" << std::endl;
  EXPECT_LE(open, kConnections);
  ExpectWell();
  many.clear();
  EXPECT_GE(Metric("birthmark_http_connections_displaced_total") +
                Metric("birthmark_http_connections_refused_total"),
            400);
  ExpectWell();
}

TEST_F(HostileHttpTest, PipelinedRequestsAreAnsweredInOrder) {
  HttpClient client(address_);
  const std::string ask =
      PostRequest("/ocsp", kType, Client().Request(serial_));
  constexpr int kRounds = 300;
  std::thread writer([&] {
    for (int i = 0; i < kRounds; ++i) {
      client.Send(absl::StrCat(ask,
                               "GET /ca/bundle.pem HTTP/1.1\r\nHost: x\r\n\r\n",
                               "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
  });
  OcspClient judge = Client();
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_EQ(judge.Judge(client.Read().body, serial_), "good");
    EXPECT_THAT(client.Read().body, HasSubstr("BEGIN CERTIFICATE"));
    EXPECT_EQ(client.Read().code, 404);
  }
  writer.join();

  // One who asks and asks, and takes no answers.
  HttpClient deaf(address_, absl::Seconds(1));
  constexpr int kMany = 400000;  // more than the kernel's buffers hold
  int sent = 0;
  while (sent < kMany && deaf.Send(ask)) {
    ++sent;
  }
  EXPECT_LT(sent, kMany);
  ExpectWell();
}

}  // namespace
}  // namespace birthmark::tests
