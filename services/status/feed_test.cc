#include "services/status/feed.h"

#include "lib/base/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using x509::OcspHash;
using x509::TestSerial;

class FeedTest : public testing::Test {
 protected:
  FeedTest() {
    for (int i = 0; i < 20; ++i) {
      world_.Add(TestSerial(i));
    }
  }

  absl::Time Followed() {
    return world_.feed.followed(Moment::Now(world_.clock));
  }

  void Know(const std::string& serial) {
    const auto read = world_.statuses.Find({serial});
    ASSERT_OK(read);
    ASSERT_TRUE(
        world_.cache.Insert(serial,
                            FactOf(read->certificates[0], read->revision,
                                   Moment::Now(world_.clock), world_.issuers),
                            world_.cache.epoch()));
  }

  bool Revoked(const std::string& serial) {
    const auto found = world_.cache.Find(serial, OcspHash::kSha1);
    EXPECT_TRUE(found.has_value());
    return found.has_value() && found->fact.revoked;
  }

  // A database that was restored from a backup of when there were `changes`.
  void Restore(size_t changes) {
    storage::FakeDatabase::Transaction transaction(world_.database);
    while (transaction->changes.size() > changes) {
      transaction->revocations.erase(transaction->changes.back().serial);
      transaction->changes.pop_back();
    }
    transaction.Commit();
  }

  World world_;
};

TEST_F(FeedTest, NothingIsFollowedBeforeTheFirstContact) {
  EXPECT_EQ(Followed(), absl::InfinitePast());
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_THAT(world_.feed.Poll(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Followed(), absl::InfinitePast());
  EXPECT_EQ(world_.cache.epoch(), 0);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_EQ(Followed(), world_.clock.Now());
  EXPECT_EQ(world_.metrics.feed_connected.Value(), 1);
}

TEST_F(FeedTest, AppliesChangesInOrder) {
  ASSERT_OK(world_.feed.Poll());
  Know(TestSerial(1));
  Know(TestSerial(2));
  world_.Hold(TestSerial(1));
  world_.Hold(TestSerial(2));
  world_.Release(TestSerial(1));
  EXPECT_FALSE(Revoked(TestSerial(2)));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(Revoked(TestSerial(1)));
  EXPECT_TRUE(Revoked(TestSerial(2)));
  EXPECT_EQ(world_.metrics.feed_revision.Value(), 3);
  EXPECT_EQ(world_.metrics.feed_changes.Value(), 3);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_EQ(world_.metrics.feed_changes.Value(), 3);
}

TEST_F(FeedTest, WhatHappenedWhileTheDatabaseWasAwayIsCaughtUp) {
  Feed feed(world_.log, world_.issuers, world_.cache, world_.clock,
            world_.metrics, {.batch = 3});
  ASSERT_OK(feed.Poll());
  const absl::Time contact = world_.clock.Now();
  for (int i = 0; i < 20; ++i) {
    Know(TestSerial(i));
  }
  world_.clock.Advance(absl::Minutes(1));
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_THAT(feed.Poll(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(feed.followed(Moment::Now(world_.clock)), contact);
  EXPECT_EQ(world_.metrics.feed_connected.Value(), 0);
  EXPECT_EQ(world_.metrics.feed_lag_seconds.Value(), 60);
  for (int i = 0; i < 20; ++i) {
    world_.Revoke(TestSerial(i));
  }
  ASSERT_OK(feed.Poll());
  EXPECT_EQ(feed.followed(Moment::Now(world_.clock)), world_.clock.Now());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Revoked(TestSerial(i)));
  }
}

TEST_F(FeedTest, AFailureHalfWayIsNoContact) {
  ASSERT_OK(world_.feed.Poll());
  Know(TestSerial(1));
  const absl::Time contact = world_.clock.Now();
  world_.clock.Advance(absl::Seconds(1));
  world_.Revoke(TestSerial(1));
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_THAT(world_.feed.Poll(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Followed(), contact);
}

TEST_F(FeedTest, ARestoredDatabaseThatForgotEmptiesTheCache) {
  world_.Revoke(TestSerial(1));
  world_.Revoke(TestSerial(2));
  ASSERT_OK(world_.feed.Poll());
  Know(TestSerial(2));
  Restore(1);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.cache.Find(TestSerial(2), OcspHash::kSha1).has_value());
  EXPECT_EQ(world_.metrics.feed_restarts.Value(), 1);
  EXPECT_EQ(world_.metrics.feed_revision.Value(), 1);
}

TEST_F(FeedTest, ADatabaseThatForgotIsTrustedWhenTheJournalHasBeenReplayed) {
  world_.Revoke(TestSerial(1));
  world_.Revoke(TestSerial(2));
  ASSERT_OK(world_.feed.Poll());
  ASSERT_TRUE(world_.feed.trusted());
  Restore(1);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.feed.trusted());
  world_.clock.Advance(absl::Seconds(30));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.feed.trusted());
  ASSERT_OK(world_.log.SkipTo(1000002));
  world_.Revoke(TestSerial(2));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.feed.trusted());
  world_.clock.Advance(absl::Seconds(3));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_TRUE(world_.feed.trusted());
  Know(TestSerial(2));
  EXPECT_TRUE(Revoked(TestSerial(2)));
}

TEST_F(FeedTest, ADatabaseThatForgotIsTrustedInTheEnd) {
  world_.Revoke(TestSerial(1));
  ASSERT_OK(world_.feed.Poll());
  Restore(0);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.feed.trusted());
  EXPECT_EQ(world_.metrics.feed_trusted.Value(), 0);
  world_.clock.Advance(absl::Seconds(59));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.feed.trusted());
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_TRUE(world_.feed.trusted());
  EXPECT_EQ(world_.metrics.feed_trusted.Value(), 1);
}

TEST_F(FeedTest, AStreamOfChangesDoesNotKeepItFromTrust) {
  world_.Revoke(TestSerial(1));
  world_.Revoke(TestSerial(2));
  ASSERT_OK(world_.feed.Poll());
  Restore(1);
  ASSERT_OK(world_.feed.Poll());
  for (int i = 0; i < 150; ++i) {
    EXPECT_FALSE(world_.feed.trusted());
    world_.clock.Advance(absl::Seconds(2));
    world_.Revoke(TestSerial(3));
    ASSERT_OK(world_.feed.Poll());
  }
  EXPECT_TRUE(world_.feed.trusted());
}

TEST_F(FeedTest, ARevisionWithASecondMeaningEmptiesTheCache) {
  world_.Revoke(TestSerial(1));
  ASSERT_OK(world_.feed.Poll());
  Know(TestSerial(2));
  {
    storage::FakeDatabase::Transaction transaction(world_.database);
    transaction->changes[0].serial = TestSerial(2);
    transaction.Commit();
  }
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(world_.cache.Find(TestSerial(2), OcspHash::kSha1).has_value());
}

TEST_F(FeedTest, AnEmptyHistoryIsAHistory) {
  ASSERT_OK(world_.feed.Poll());
  Know(TestSerial(1));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_FALSE(Revoked(TestSerial(1)));
  EXPECT_EQ(world_.metrics.feed_restarts.Value(), 0);
}

TEST_F(FeedTest, TheThreadFollowsAtAWakeAndByItself) {
  Feed feed(world_.log, world_.issuers, world_.cache, world_.clock,
            world_.metrics, {.interval = absl::Hours(1)});
  feed.Start();
  ASSERT_TRUE(Eventually([this] { return world_.cache.epoch() == 1; }));
  ASSERT_TRUE(Eventually([&] {
    return feed.followed(Moment::Now(world_.clock)) == world_.clock.Now();
  }));
  Know(TestSerial(1));
  world_.Revoke(TestSerial(1));
  feed.Wake();
  EXPECT_TRUE(Eventually([this] { return Revoked(TestSerial(1)); }));

  Feed without(world_.log, world_.issuers, world_.cache, world_.clock,
               world_.metrics, {.interval = absl::Milliseconds(5)});
  without.Start();
  ASSERT_TRUE(Eventually([this] { return world_.cache.epoch() == 2; }));
  Know(TestSerial(2));
  world_.Revoke(TestSerial(2));
  EXPECT_TRUE(Eventually([this] { return Revoked(TestSerial(2)); }));
}

}  // namespace
}  // namespace birthmark::status
