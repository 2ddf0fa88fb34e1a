#include "services/status/crl_publisher.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <thread>

#include "lib/base/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using x509::TestSerial;

class CrlPublisherTest : public testing::Test {
 protected:
  CrlPublisher& publisher() {
    if (publisher_ == nullptr) {
      publisher_ = std::make_unique<CrlPublisher>(
          world_.statuses, world_.ca_client, [this] { return owner_.load(); },
          world_.clock, world_.metrics, options_);
    }
    return *publisher_;
  }

  // Turn lets one turn happen and returns the shards whose CRL it had made.
  std::vector<int> Turn() {
    const size_t before = world_.fake_ca.signed_crls().size();
    const double done = Done();
    EXPECT_OK(publisher().Turn());
    // Long enough for what was started to be heard of.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(Eventually([&] {
      return Done() - done >=
             static_cast<double>(world_.fake_ca.signed_crls().size() - before);
    }));
    const std::vector<int> all = world_.fake_ca.signed_crls();
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
  }

  double Done() const {
    return world_.metrics.crls_published.Value() +
           world_.metrics.crl_failures.Value();
  }

  World world_;
  std::atomic<bool> owner_{true};
  CrlPublisher::Options options_;
  std::unique_ptr<CrlPublisher> publisher_;
};

TEST_F(CrlPublisherTest, ANewShardGetsItsFirstCrl) {
  EXPECT_THAT(Turn(), IsEmpty());
  world_.Add(TestSerial(1));
  world_.Add(TestSerial(2), "device", 1);
  EXPECT_THAT(Turn(), UnorderedElementsAre(0, 1));
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_EQ(world_.metrics.crl_shards.Value(), 2);
  EXPECT_EQ(world_.metrics.crl_pending.Value(), 0);
}

TEST_F(CrlPublisherTest, TheFirstRevocationDoesNotWaitAndTheNextOnesDo) {
  world_.Add(TestSerial(1));
  world_.Add(TestSerial(2));
  Turn();
  world_.clock.Advance(absl::Seconds(10));
  world_.Revoke(TestSerial(1));
  EXPECT_THAT(Turn(), ElementsAre(0));
  world_.Revoke(TestSerial(2));
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_EQ(world_.metrics.crl_pending.Value(), 1);
  world_.clock.Advance(options_.interval);
  EXPECT_THAT(Turn(), ElementsAre(0));
}

TEST_F(CrlPublisherTest, OnlyTheOwnerPublishes) {
  world_.Add(TestSerial(1));
  owner_ = false;
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_EQ(world_.metrics.crl_publisher.Value(), 0);
  owner_ = true;
  EXPECT_THAT(Turn(), ElementsAre(0));
  EXPECT_EQ(world_.metrics.crl_publisher.Value(), 1);
}

TEST_F(CrlPublisherTest, ReplacesCrlsWellBeforeTheyRunOut) {
  world_.Add(TestSerial(1));
  Turn();
  world_.clock.Advance(world_.fake_ca.crl_life / 2 - absl::Seconds(1));
  EXPECT_THAT(Turn(), IsEmpty());
  world_.clock.Advance(world_.fake_ca.crl_life / 10 + absl::Seconds(1));
  EXPECT_THAT(Turn(), ElementsAre(0));
}

TEST_F(CrlPublisherTest, WhatIsOnlyOldIsSpread) {
  std::set<absl::Time> times;
  storage::ShardStatus shard;
  shard.issuer_id = "device";
  shard.this_update = x509::TestTime();
  shard.next_update = shard.this_update + absl::Hours(24);
  for (shard.crl_shard = 0; shard.crl_shard < 500; ++shard.crl_shard) {
    const absl::Time time = CrlPublisher::RenewTime(shard);
    EXPECT_GE(time, shard.this_update + absl::Hours(12));
    EXPECT_LE(time, shard.this_update + absl::Hours(15));
    times.insert(time);
  }
  EXPECT_GT(times.size(), 300);

  // And if they come together all the same, a few at a time.
  for (int i = 0; i < 20; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  for (int i = 0; i < 20; ++i) {
    Turn();
  }
  world_.clock.Advance(absl::Hours(23));
  EXPECT_LE(Turn().size(), options_.scheduled_at_once);
}

TEST_F(CrlPublisherTest, WhatLacksARevocationGoesBeforeWhatIsOnlyOld) {
  for (int i = 0; i < 10; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  for (int i = 0; i < 10; ++i) {
    Turn();
  }
  world_.clock.Advance(absl::Hours(23));
  world_.Revoke(TestSerial(9));
  options_.threads = 1;
  publisher_.reset();
  const auto made = Turn();
  ASSERT_FALSE(made.empty());
  EXPECT_EQ(made[0], 9);
}

TEST_F(CrlPublisherTest, AFailureIsRetriedLaterAndLater) {
  world_.Add(TestSerial(1));
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  ASSERT_OK(publisher().Turn());
  ASSERT_TRUE(
      Eventually([this] { return world_.metrics.crl_failures.Value() == 1; }));
  ASSERT_OK(publisher().Turn());
  world_.clock.Advance(absl::Seconds(2));
  // In work until the failure was noted.
  ASSERT_TRUE(Eventually([this] {
    EXPECT_OK(publisher().Turn());
    return world_.metrics.crl_failures.Value() == 2;
  }));
  world_.fake_ca.Fail(absl::OkStatus());
  world_.clock.Advance(absl::Minutes(1));
  ASSERT_TRUE(Eventually([this] {
    EXPECT_OK(publisher().Turn());
    return world_.metrics.crls_published.Value() == 1;
  }));
}

TEST_F(CrlPublisherTest, ASlowShardDoesNotHoldUpTheOthers) {
  std::atomic<bool> go_on{false};
  world_.fake_ca.BeforeCrl([&go_on](int shard) {
    while (shard == 0 && !go_on) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (int i = 0; i < 8; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  EXPECT_TRUE(Eventually([this] {
    EXPECT_OK(publisher().Turn());
    return world_.metrics.crls_published.Value() == 7;
  }));
  const std::vector<int> made = world_.fake_ca.signed_crls();
  EXPECT_EQ(std::count(made.begin(), made.end(), 0), 1);
  go_on = true;
  publisher_.reset();
}

TEST_F(CrlPublisherTest, RestsWhileManyAreBehindUntilOneIsForTooLong) {
  options_.threads = 1;
  options_.longest_rest = absl::Hours(1);
  world_.fake_ca.BeforeCrl(
      [this](int) { world_.clock.Advance(absl::Minutes(10)); });
  world_.Add(TestSerial(1));
  world_.Add(TestSerial(2), "device", 1);
  ASSERT_OK(publisher().Turn());
  ASSERT_TRUE(Eventually(
      [this] { return world_.metrics.crls_published.Value() == 1; }));
  // One is made, the other one waits while the thread rests.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_OK(publisher().Turn());
  EXPECT_EQ(world_.fake_ca.signed_crls().size(), 1u);
  // The rest ends with the publisher; the next one has no patience.
  publisher_.reset();
  options_.patience = absl::ZeroDuration();
  const size_t before = world_.fake_ca.signed_crls().size();
  world_.Add(TestSerial(3), "device", 2);
  world_.Add(TestSerial(4), "device", 3);
  EXPECT_TRUE(Eventually([this, before] {
    EXPECT_OK(publisher().Turn());
    return world_.fake_ca.signed_crls().size() >= before + 2;
  }));
}

TEST_F(CrlPublisherTest, TellsOfCrlsThatRanOut) {
  world_.Add(TestSerial(1));
  Turn();
  EXPECT_EQ(world_.metrics.crl_expired.Value(), 0);
  owner_ = true;
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  world_.clock.Advance(absl::Hours(25));
  ASSERT_OK(publisher().Turn());
  EXPECT_EQ(world_.metrics.crl_expired.Value(), 1);
  EXPECT_EQ(world_.metrics.crl_next_update.Value(),
            absl::ToUnixSeconds(x509::TestTime() + absl::Hours(24)));
}

TEST_F(CrlPublisherTest, SaysForHowLongARevocationWaits) {
  world_.Add(TestSerial(1));
  Turn();
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  world_.Revoke(TestSerial(1));
  ASSERT_OK(publisher().Turn());
  world_.clock.Advance(absl::Seconds(30));
  ASSERT_OK(publisher().Turn());
  EXPECT_EQ(world_.metrics.crl_pending_seconds.Value(), 30);
}

TEST_F(CrlPublisherTest, WithoutTheDatabaseItSaysSo) {
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_THAT(publisher().Turn(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CrlPublisherTest, TheThreadPublishesAtAWake) {
  options_.tick = absl::Hours(1);
  publisher().Start();
  world_.Add(TestSerial(1));
  EXPECT_TRUE(Eventually([this] {
    publisher().Wake();
    return world_.metrics.crls_published.Value() == 1;
  }));
}

}  // namespace
}  // namespace birthmark::status
