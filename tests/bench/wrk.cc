#include "tests/bench/wrk.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "tests/support/deployment.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

// Each thread has a copy of all requests and begins at another one. A nonce is
// the hexadecimal of a number that counts on from the clock's microseconds.
constexpr char kScript[] = R"(
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

local all = {}
local next_one = 0
local head, nonce_at, nonce_size, nonce = "", 0, 0, 0

local function read_get(file)
  for line in io.lines(file) do
    all[#all + 1] = wrk.format("GET", line)
  end
end

local function read_post(file, target, content_type, size, at, length)
  head = "POST " .. target .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] ..
         "\r\nContent-Type: " .. content_type ..
         "\r\nContent-Length: " .. size .. "\r\n\r\n"
  nonce_at, nonce_size = at, length
  local input = io.open(file, "rb")
  while true do
    local body = input:read(size)
    if body == nil then break end
    all[#all + 1] = body
  end
  input:close()
end

local function one()
  next_one = next_one % #all + 1
  if head == "" then return all[next_one] end
  local body = all[next_one]
  if nonce_size == 0 then return head .. body end
  nonce = nonce + 1
  return head .. body:sub(1, nonce_at) ..
         string.format("%0" .. nonce_size .. ".0f", nonce) ..
         body:sub(nonce_at + nonce_size + 1)
end

local pipelined = 1
function init(args)
  pipelined = tonumber(args[1])
  local threads = tonumber(args[2])
  if args[4] == "get" then
    read_get(args[5])
  else
    read_post(args[5], args[6], args[7], tonumber(args[8]), tonumber(args[9]),
              tonumber(args[10]))
  end
  next_one = math.floor(#all / threads) * (id or 0)
  nonce = tonumber(args[3]) + (id or 0) * 1000000000
end

function request()
  if pipelined == 1 then return one() end
  local several = {}
  for i = 1, pipelined do several[i] = one() end
  return table.concat(several)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"answers":%d,"bytes":%d,"us":%d,"p50":%d,"p99":%d,"errors":%d}\n',
    summary.requests, summary.bytes, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
)";

// Numbers of a script are exact up to 2^53; a nonce is never used twice within
// one program.
std::string FirstNonce() {
  static int64_t runs = 0;
  return absl::StrCat(1000000000000000 + ++runs * 1000000000000);
}

}  // namespace

WrkRequests WrkRequests::Get(const std::string& file,
                             const std::vector<std::string>& targets) {
  tests::WriteFile(file, absl::StrCat(absl::StrJoin(targets, "\n"), "\n"));
  WrkRequests requests;
  requests.arguments_ = {"get", file};
  return requests;
}

WrkRequests WrkRequests::Post(const std::string& file,
                              const std::string& target,
                              const std::string& content_type,
                              const std::vector<std::string>& bodies,
                              size_t nonce_at, size_t nonce_size) {
  const size_t size = bodies.front().size();
  for (const std::string& body : bodies) {
    if (body.size() != size) {
      std::cerr << "requests of different sizes" << std::endl;
      exit(1);
    }
  }
  tests::WriteFile(file, absl::StrJoin(bodies, ""));
  WrkRequests requests;
  requests.arguments_ = {"post",
                         file,
                         target,
                         content_type,
                         absl::StrCat(size),
                         absl::StrCat(nonce_at),
                         absl::StrCat(nonce_size)};
  return requests;
}

WrkResult RunWrk(const WrkOptions& options, const WrkRequests& requests) {
  const std::string script = absl::StrCat(options.folder, "/wrk.lua");
  tests::WriteFile(script, kScript);
  // wrk counts its own start as part of a second.
  std::vector<std::string> command = {
      "wrk",
      "--threads",
      absl::StrCat(options.threads),
      "--connections",
      absl::StrCat(std::max(options.connections, options.threads)),
      "--duration",
      absl::StrCat(std::max<int64_t>(1, absl::ToInt64Seconds(options.duration)),
                   "s"),
      "--timeout",
      "30s",
      "--script",
      script,
      absl::StrCat("http://", options.address, "/"),
      "--",
      absl::StrCat(options.pipelined),
      absl::StrCat(options.threads),
      FirstNonce()};
  command.insert(command.end(), requests.arguments().begin(),
                 requests.arguments().end());
  const tests::ProcessResult result =
      tests::RunProgram(command, {}, options.duration + absl::Minutes(2));
  const size_t at = result.out.rfind("\n{");
  const nlohmann::json json =
      at == std::string::npos
          ? nlohmann::json()
          : nlohmann::json::parse(result.out.substr(at + 1), nullptr,
                                  /*allow_exceptions=*/false);
  if (result.exit_code != 0 || !json.is_object() || json["errors"] != 0 ||
      json["answers"] == 0) {
    std::cerr << "wrk failed at " << options.address << ":\n"
              << result.out << result.err << std::endl;
    exit(1);
  }
  const int64_t timed = options.pipelined == 1 ? 1 : 0;
  return {.answers = json["answers"],
          .bytes = json["bytes"],
          .time = absl::Microseconds(json["us"].get<int64_t>()),
          .p50 = absl::Microseconds(timed * json["p50"].get<int64_t>()),
          .p99 = absl::Microseconds(timed * json["p99"].get<int64_t>())};
}

}  // namespace birthmark::bench
