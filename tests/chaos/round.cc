#include "tests/chaos/round.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"

namespace birthmark::chaos {
namespace {

using tests::Deployment;
using tests::ReadAll;
using tests::WriteFile;

constexpr absl::Duration kTick = absl::Milliseconds(2);
// A link that is being cut is cut so often.
constexpr absl::Duration kCutEvery = absl::Milliseconds(150);
// More than the longest strike, a recovery and the client's longest pause.
constexpr absl::Duration kHangs = absl::Seconds(90);
constexpr absl::Duration kSlept = absl::Seconds(1);
constexpr char kSocket[] = "/.s.PGSQL.5432";
constexpr size_t kShownFaults = 5;
// New certificates between two strikes.
constexpr size_t kBetweenStrikes = 40;
// Few, so that a strike does not find everything done already.
constexpr char kInFlight[] = "registration {\n  max_in_flight_items: 512";

void Replace(const std::string& path, const std::string& from,
             const std::string& to) {
  const std::string text = ReadAll(path);
  const std::string changed = absl::StrReplaceAll(text, {{from, to}});
  if (changed == text) {
    std::cerr << path << " does not hold " << from << std::endl;
    exit(1);
  }
  WriteFile(path, changed);
}

// The client's files are kept in memory where there is such a file system. A
// disk that has to sync each of them would leave the servers with nothing to do
// most of the time, and what strikes an idle server proves little. That files
// outlive a crash of the client's machine is not what is tested here.
std::string MakeClientFolder() {
  for (std::string name :
       {"/dev/shm/bm-chaos.XXXXXX", "/tmp/bm-chaos.XXXXXX"}) {
    if (mkdtemp(name.data()) != nullptr) {
      return name;
    }
  }
  std::cerr << "cannot make a folder" << std::endl;
  exit(1);
}

std::string Tail(const std::string& text) {
  constexpr size_t kTail = 2000;
  return text.size() > kTail ? text.substr(text.size() - kTail) : text;
}

}  // namespace

Round::Round(uint64_t seed, size_t items)
    : items_(items),
      schedule_(MakeSchedule(seed, items)),
      deployment_(Deployment::Options{.durable = true}),
      line_(deployment_.CreateLine("acme", "l1")),
      client_dir_(MakeClientFolder()),
      out_dir_(client_dir_ + "/out"),
      csrs_(client_dir_ + "/csrs"),
      postgres_(deployment_.postgres()) {
  csrs_.AddMany("d", static_cast<int>(items));
  csrs_.Finish();
  mkdir(out_dir_.c_str(), 0700);
  watch_ = std::make_unique<FolderWatch>(out_dir_);

  const std::string registration = deployment_.Address("registration");
  client_link_ = std::make_unique<CuttingProxy>("127.0.0.1:0", registration);
  Replace(line_ + "/client.textproto", registration, client_link_->address());
  const std::string ca = deployment_.Address("ca");
  ca_link_ = std::make_unique<CuttingProxy>(
      absl::StrCat("unix:", deployment_.dir(), "/ca.sock"), ca);
  const std::string config =
      deployment_.home() + "/config/registration.textproto";
  Replace(config, ca, ca_link_->address());
  Replace(config, "registration {", kInFlight);
  const std::string socket =
      absl::StrCat("unix:", deployment_.postgres().host(), kSocket);
  registration_database_ =
      std::make_unique<CuttingProxy>(ProxyDatabase("registration"), socket);
  ca_database_ = std::make_unique<CuttingProxy>(ProxyDatabase("ca"), socket);
}

Round::~Round() {
  client_.reset();
  watch_.reset();
  tests::RunProgram({"rm", "-rf", client_dir_});
}

// Has `role` look for PostgreSQL where the proxy will be.
std::string Round::ProxyDatabase(const std::string& role) {
  const std::string folder = absl::StrCat(deployment_.dir(), "/pg-", role);
  mkdir(folder.c_str(), 0700);
  Replace(absl::StrCat(deployment_.home(), "/db/", role, ".dsn"),
          deployment_.postgres().host(), folder);
  return absl::StrCat("unix:", folder, kSocket);
}

void Round::Supervise() {
  const auto server = [this](const std::string& role) {
    deployment_.process(role).Kill();
    return std::make_unique<Supervised>(
        std::vector<std::string>{
            Deployment::Server(), "serve", "--config",
            absl::StrCat(deployment_.home(), "/config/", role, ".textproto")},
        absl::StrCat(deployment_.dir(), "/", role), Ends::kNever);
  };
  ca_ = server("ca");
  registration_ = server("registration");
  client_ = std::make_unique<Supervised>(
      std::vector<std::string>{Deployment::Client(), "provision", "--line",
                               line_, "--batch", "b1", "--csr-dir",
                               csrs_.path(), "--out", out_dir_},
      deployment_.dir() + "/client", Ends::kWithSuccess);
}

CuttingProxy& Round::LinkOf(Fault fault) {
  switch (fault) {
    case Fault::kCutRegistrationToCa:
    case Fault::kStallRegistrationToCa:
      return *ca_link_;
    case Fault::kCutRegistrationToPostgres:
    case Fault::kStallRegistrationToPostgres:
      return *registration_database_;
    case Fault::kCutCaToPostgres:
    case Fault::kStallCaToPostgres:
      return *ca_database_;
    default:
      return *client_link_;
  }
}

void Round::Strike(const chaos::Strike& strike, absl::Duration now) {
  if (!client_->done()) {
    ++struck_in_time_;
    faults_in_time_.insert(strike.fault);
  }
  const absl::Duration until = now + strike.length;
  switch (strike.fault) {
    case Fault::kKillCa:
      return ca_->Kill(until);
    case Fault::kKillRegistration:
      return registration_->Kill(until);
    case Fault::kKillPostgres:
      return postgres_.Kill(until);
    case Fault::kKillClient:
      return client_->Kill(until);
    default:
      return StrikeLink(strike, now);
  }
}

void Round::StrikeLink(const chaos::Strike& strike, absl::Duration now) {
  CuttingProxy& link = LinkOf(strike.fault);
  if (strike.fault >= Fault::kStallClientToRegistration) {
    link.Stall();
    due_.emplace(now + strike.length,
                 [&link](absl::Duration) { link.Resume(); });
    return;
  }
  for (absl::Duration at; at <= strike.length; at += kCutEvery) {
    due_.emplace(now + at, [&link](absl::Duration) { link.Cut(); });
  }
}

// What was done before a strike comes in a burst after it. The next strike
// waits until there is something new to spoil.
void Round::TakeStrikes(size_t count, absl::Duration now) {
  const bool flows = count >= struck_at_ + kBetweenStrikes || next_ == 0;
  if (next_ == schedule_.size() || schedule_[next_].at > count || !flows) {
    return;
  }
  struck_at_ = count;
  const size_t at = schedule_[next_].at;
  for (; next_ < schedule_.size() && schedule_[next_].at == at; ++next_) {
    due_.emplace(now + schedule_[next_].delay,
                 [this, strike = schedule_[next_]](absl::Duration then) {
                   Strike(strike, then);
                 });
  }
}

bool Round::Step() {
  const absl::Duration now = Clock::Real().MonotonicNow();
  // Time in which the driver did not run either is nobody's fault.
  if (now - last_step_ > kSlept) {
    last_progress_ += now - last_step_;
  }
  last_step_ = now;
  const size_t count = watch_->finished();
  if (count != last_count_) {
    last_count_ = count;
    last_progress_ = now;
  }
  TakeStrikes(count, now);
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto action = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    action(now);
  }
  postgres_.Tend(now);
  ca_->Tend(now);
  registration_->Tend(now);
  client_->Tend(now);
  return now - last_progress_ < kHangs;
}

bool Round::Over() const {
  return client_->done() && due_.empty() && postgres_.running();
}

// Struck in time: one that came too late has tested nothing.
Check Round::Faults() const {
  Check check{
      .name = "kinds of faults", .count = faults_in_time_.size(), .faults = {}};
  for (const Fault fault : kAllFaults) {
    if (faults_in_time_.count(fault) == 0) {
      check.faults.push_back(absl::StrCat("too late: ", Name(fault)));
    }
  }
  return check;
}

Check Round::Helpless() const {
  Check check{.name = "times somebody had to help", .count = 0, .faults = {}};
  for (const int code : client_->exits()) {
    check.faults.push_back(
        absl::StrCat("the client gave up by itself with ", code));
  }
  // One that starts while the database is away says so and ends; its
  // supervisor starts it again. Anything else is a crash.
  for (const auto* server : {&ca_, &registration_}) {
    for (const int code : (*server)->exits()) {
      if (code != 1) {
        check.faults.push_back(
            absl::StrCat("a server ended by itself with ", code));
      }
    }
  }
  if (!client_->done()) {
    check.faults.push_back("the batch hangs");
  }
  check.count = check.faults.size();
  return check;
}

std::vector<Check> Round::Checks() {
  std::vector<Check> checks;
  if (Over()) {
    Check leftovers{.name = "files left by clients that were killed",
                    .count = 0,
                    .faults = {}};
    for (const std::string& name : tests::Files(out_dir_, "")) {
      if (absl::StrContains(name, ".tmp.")) {
        leftovers.faults.push_back(name);
      }
    }
    leftovers.count = leftovers.faults.size();
    Evidence evidence;
    evidence.csr_dir = csrs_.path();
    for (const std::string& name : tests::Files(csrs_.path(), ".csr")) {
      evidence.item_ids.push_back(name.substr(0, name.rfind('.')));
    }
    evidence.contents = watch_->Stop();
    checks = Judge(deployment_, evidence);
    checks.push_back(std::move(leftovers));
  }
  checks.push_back(Helpless());
  checks.push_back(Faults());
  return checks;
}

bool Round::Run(std::ostream& out) {
  for (const chaos::Strike& strike : schedule_) {
    out << "  " << ToText(strike) << "\n";
  }
  Supervise();
  start_ = Clock::Real().MonotonicNow();
  last_step_ = start_;
  last_progress_ = start_;
  while (!Over() && Step()) {
    absl::SleepFor(kTick);
  }
  Tell(out);
  bool passed = true;
  for (const Check& check : Checks()) {
    passed = passed && check.faults.empty();
    out << absl::StrFormat("  %-4s %6d %s\n",
                           check.faults.empty() ? "ok" : "BAD", check.count,
                           check.name);
    for (size_t i = 0; i < std::min(check.faults.size(), kShownFaults); ++i) {
      out << "              " << check.faults[i] << "\n";
    }
  }
  if (!passed) {
    out << "client:\n" << Tail(client_->Err());
    out << "registration:\n" << Tail(registration_->Err());
    out << "ca:\n" << Tail(ca_->Err());
  }
  out << std::flush;
  return passed;
}

void Round::Tell(std::ostream& out) const {
  const auto elapsed = Clock::Real().MonotonicNow() - start_;
  const std::string log = client_->Err();
  const size_t retries =
      std::vector<std::string>(absl::StrSplit(log, "trying again in")).size() -
      1;
  out << absl::StrFormat(
      "  %d items in %.1f s; %d of %d strikes before the end; started: client "
      "%d, registration %d, ca %d, postgres %d times; connections cut: %d; the "
      "client connected again %d times\n",
      items_, absl::ToDoubleSeconds(elapsed), struck_in_time_, schedule_.size(),
      client_->starts(), registration_->starts(), ca_->starts(),
      1 + postgres_.recoveries(),
      client_link_->cuts() + ca_link_->cuts() + registration_database_->cuts() +
          ca_database_->cuts(),
      retries);
}

}  // namespace birthmark::chaos
