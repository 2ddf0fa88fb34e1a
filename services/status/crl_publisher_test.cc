#include "services/status/crl_publisher.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "lib/base/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
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

  // Turn has made all that is due now and returns the shards whose CRL is new.
  std::vector<int> Turn() {
    const size_t before = world_.fake_ca.signed_crls().size();
    EXPECT_OK(publisher().Look());
    MakeAll();
    const std::vector<int> all = world_.fake_ca.signed_crls();
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
  }

  void MakeAll() {
    while (publisher().due() > 0) {
      MakeOne();
    }
  }

  // Waits until the first of the list is made, or could not be.
  void MakeOne() {
    const double done = Done();
    const size_t due = publisher().due();
    ASSERT_TRUE(Eventually([&] {
      publisher().Next();
      return publisher().due() < due;
    }));
    ASSERT_TRUE(Eventually([&] { return Done() > done; }));
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

  // And if they come together all the same, without haste.
  for (int i = 0; i < 20; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  Turn();
  world_.clock.Advance(absl::Hours(23));
  ASSERT_OK(publisher().Look());
  EXPECT_EQ(publisher().due(), 20);
  EXPECT_EQ(publisher().pause(), options_.longest_pause);
}

TEST_F(CrlPublisherTest, WhatLacksARevocationGoesBeforeWhatIsOnlyOld) {
  for (int i = 0; i < 10; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  Turn();
  world_.clock.Advance(absl::Hours(23));
  world_.Revoke(TestSerial(9));
  const auto made = Turn();
  ASSERT_EQ(made.size(), 10);
  EXPECT_EQ(made[0], 9);
}

TEST_F(CrlPublisherTest, AFailureIsRetriedLaterAndLater) {
  world_.Add(TestSerial(1));
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  Turn();
  EXPECT_EQ(world_.metrics.crl_failures.Value(), 1);
  Turn();
  EXPECT_EQ(world_.metrics.crl_failures.Value(), 1);
  world_.clock.Advance(absl::Seconds(2));
  Turn();
  EXPECT_EQ(world_.metrics.crl_failures.Value(), 2);
  world_.clock.Advance(absl::Milliseconds(900));
  Turn();
  EXPECT_EQ(world_.metrics.crl_failures.Value(), 2);
  world_.fake_ca.Fail(absl::OkStatus());
  world_.clock.Advance(absl::Minutes(1));
  EXPECT_THAT(Turn(), ElementsAre(0));
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
  ASSERT_OK(publisher().Look());
  EXPECT_TRUE(Eventually([this] {
    publisher().Next();
    return world_.metrics.crls_published.Value() == 7;
  }));
  // It is not begun a second time.
  ASSERT_OK(publisher().Look());
  EXPECT_EQ(publisher().due(), 0);
  go_on = true;
  publisher_.reset();
  EXPECT_EQ(world_.fake_ca.signed_crls().size(), 8);
}

// Follow does for `time` what the publisher's thread does; `make` makes a CRL.
void Follow(FakeClock& clock, CrlPublisher& publisher, absl::Duration time,
            const std::function<void()>& make) {
  const absl::Duration end = clock.MonotonicNow() + time;
  while (clock.MonotonicNow() < end) {
    ASSERT_OK(publisher.Look());
    const absl::Duration next_look = clock.MonotonicNow() + absl::Seconds(1);
    while (publisher.due() > 0 && clock.MonotonicNow() < next_look) {
      make();
      clock.Advance(publisher.pause());
    }
    clock.Advance(
        std::max(absl::ZeroDuration(), next_look - clock.MonotonicNow()));
  }
}

TEST_F(CrlPublisherTest, ManyAreSpreadEvenlyOverTheTimeThatIsLeft) {
  constexpr int kShards = 100;
  for (int i = 0; i < kShards; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  Turn();
  ASSERT_OK(publisher().Look());
  world_.clock.Advance(absl::Seconds(10));
  for (int i = 0; i < kShards; ++i) {
    world_.Revoke(TestSerial(i));
  }
  const absl::Duration begin = world_.clock.MonotonicNow();
  std::vector<int> a_second(20);
  Follow(world_.clock, publisher(), absl::Seconds(7), [&] {
    ++a_second[static_cast<size_t>((world_.clock.MonotonicNow() - begin) /
                                   absl::Seconds(1))];
    MakeOne();
  });
  for (int second = 0; second < 5; ++second) {
    EXPECT_THAT(a_second[static_cast<size_t>(second)], AllOf(Ge(15), Le(25)));
  }
  EXPECT_EQ(world_.metrics.crl_pending.Value(), 0);
}

// Revocations that keep coming on all shards are each on a CRL in time, and are
// no reason for haste.
TEST_F(CrlPublisherTest, AStreamOfRevocationsIsPublishedInTimeWithoutHaste) {
  constexpr int kShards = 40;
  constexpr int kSeconds = 15;
  int made = 0;
  double longest = 0;
  for (int second = 0; second < kSeconds; ++second) {
    for (int shard = 0; shard < kShards; ++shard) {
      const std::string serial = TestSerial(second * kShards + shard);
      world_.Add(serial, "device", shard);
      world_.Revoke(serial);
    }
    Follow(world_.clock, publisher(), absl::Seconds(1), [&] {
      ++made;
      MakeOne();
    });
    longest = std::max(longest, world_.metrics.crl_pending_seconds.Value());
  }
  EXPECT_GE(longest, 3);
  EXPECT_LE(longest, 6);
  EXPECT_LE(made, kSeconds * kShards / 3);
}

TEST_F(CrlPublisherTest, WhoIsLateHurries) {
  for (int i = 0; i < 10; ++i) {
    world_.Add(TestSerial(i), "device", i);
  }
  ASSERT_OK(publisher().Look());
  EXPECT_EQ(publisher().pause(), options_.longest_pause);
  world_.clock.Advance(absl::Seconds(4));
  ASSERT_OK(publisher().Look());
  EXPECT_EQ(publisher().pause(), absl::Milliseconds(100));
  world_.clock.Advance(absl::Seconds(2));
  ASSERT_OK(publisher().Look());
  EXPECT_LT(publisher().pause(), absl::Milliseconds(10));
}

TEST_F(CrlPublisherTest, TellsOfCrlsThatRanOut) {
  world_.Add(TestSerial(1));
  Turn();
  EXPECT_EQ(world_.metrics.crl_expired.Value(), 0);
  owner_ = true;
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  world_.clock.Advance(absl::Hours(25));
  ASSERT_OK(publisher().Look());
  EXPECT_EQ(world_.metrics.crl_expired.Value(), 1);
  EXPECT_EQ(world_.metrics.crl_next_update.Value(),
            absl::ToUnixSeconds(x509::TestTime() + absl::Hours(24)));
}

TEST_F(CrlPublisherTest, SaysForHowLongARevocationWaits) {
  world_.Add(TestSerial(1));
  Turn();
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  world_.Revoke(TestSerial(1));
  ASSERT_OK(publisher().Look());
  world_.clock.Advance(absl::Seconds(30));
  ASSERT_OK(publisher().Look());
  EXPECT_EQ(world_.metrics.crl_pending_seconds.Value(), 30);
}

TEST_F(CrlPublisherTest, WithoutTheDatabaseItSaysSo) {
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_THAT(publisher().Look(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CrlPublisherTest, TheThreadPublishesAtAWake) {
  options_.tick = absl::Hours(1);
  publisher().Start();
  world_.Add(TestSerial(1));
  world_.Add(TestSerial(2), "device", 1);
  EXPECT_TRUE(Eventually([this] {
    world_.clock.Advance(absl::Milliseconds(50));
    publisher().Wake();
    return world_.metrics.crls_published.Value() == 2;
  }));
}

}  // namespace
}  // namespace birthmark::status
