#include "services/status/status_cache.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/testing.h"
#include "lib/x509/testing.h"

namespace birthmark::status {
namespace {

using x509::OcspHash;
using x509::TestSerial;

Fact MakeFact(int64_t revision, bool revoked = false) {
  Fact fact;
  fact.issuer = 0;
  fact.revoked = revoked;
  fact.revision = revision;
  return fact;
}

StatusCache::Prepared MakePrepared(size_t size = 100) {
  return {.document = MakeDocument(
              std::string(size, 'x'), "t", x509::TestTime(),
              x509::TestTime() + absl::Hours(1), absl::Seconds(60))};
}

class StatusCacheTest : public testing::Test {
 protected:
  StatusCacheTest() { cache_.Restart(10); }

  bool Insert(const std::string& serial, int64_t revision) {
    return cache_.Insert(serial, MakeFact(revision), cache_.epoch());
  }

  StatusCache cache_{size_t{1} << 20};
  const std::string serial_ = TestSerial(1);
};

TEST_F(StatusCacheTest, KeepsFactsAndResponses) {
  EXPECT_FALSE(cache_.Find(serial_, OcspHash::kSha1).has_value());
  ASSERT_TRUE(Insert(serial_, 10));
  auto found = cache_.Find(serial_, OcspHash::kSha1);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->fact.revision, 10);
  EXPECT_EQ(found->prepared.document, nullptr);
  const auto prepared = MakePrepared();
  cache_.Attach(serial_, OcspHash::kSha256, found->fact, prepared);
  EXPECT_EQ(cache_.Find(serial_, OcspHash::kSha1)->prepared.document, nullptr);
  EXPECT_EQ(cache_.Find(serial_, OcspHash::kSha256)->prepared.document,
            prepared.document);
  EXPECT_EQ(cache_.size().entries, 1);
}

TEST_F(StatusCacheTest, WhatWasReadBeforeAChangeOfItIsNotKept) {
  cache_.Apply(serial_, MakeFact(12, true));
  EXPECT_FALSE(Insert(serial_, 11));
  EXPECT_TRUE(Insert(serial_, 12));
}

TEST_F(StatusCacheTest, AChangeReplacesTheFactAndDropsItsResponses) {
  ASSERT_TRUE(Insert(serial_, 10));
  cache_.Attach(serial_, OcspHash::kSha1, MakeFact(10), MakePrepared());
  cache_.Apply(serial_, MakeFact(11, true));
  auto found = cache_.Find(serial_, OcspHash::kSha1);
  EXPECT_TRUE(found->fact.revoked);
  EXPECT_EQ(found->prepared.document, nullptr);
  // Of a response that was signed meanwhile nothing is left.
  cache_.Attach(serial_, OcspHash::kSha1, MakeFact(10), MakePrepared());
  EXPECT_EQ(cache_.Find(serial_, OcspHash::kSha1)->prepared.document, nullptr);
}

TEST_F(StatusCacheTest, WhatWasReadAheadOfTheFeedIsNotSetBack) {
  ASSERT_TRUE(cache_.Insert(serial_, MakeFact(15, true), cache_.epoch()));
  cache_.Apply(serial_, MakeFact(14, false));
  EXPECT_TRUE(cache_.Find(serial_, OcspHash::kSha1)->fact.revoked);
  // Nor by what somebody else read before.
  cache_.Insert(serial_, MakeFact(14, false), cache_.epoch());
  EXPECT_TRUE(cache_.Find(serial_, OcspHash::kSha1)->fact.revoked);
}

TEST_F(StatusCacheTest, ARestartForgetsAndRefusesWhatWasReadBefore) {
  ASSERT_TRUE(Insert(serial_, 10));
  const uint64_t before = cache_.epoch();
  cache_.Restart(3);
  EXPECT_FALSE(cache_.Find(serial_, OcspHash::kSha1).has_value());
  EXPECT_FALSE(cache_.Insert(serial_, MakeFact(20), before));
  EXPECT_FALSE(Insert(serial_, 2));
  EXPECT_TRUE(Insert(serial_, 3));
}

TEST_F(StatusCacheTest, BeforeTheFirstEpochNothingIsKept) {
  StatusCache cache(1 << 20);
  EXPECT_FALSE(cache.Insert(serial_, MakeFact(1), cache.epoch()));
}

TEST_F(StatusCacheTest, OtherSerialsAreNotKept) {
  for (const std::string& serial :
       {std::string(), std::string(15, 'x'), std::string(17, 'x')}) {
    EXPECT_FALSE(Insert(serial, 10));
    cache_.Apply(serial, MakeFact(11));
    cache_.Attach(serial, OcspHash::kSha1, MakeFact(10), MakePrepared());
    EXPECT_FALSE(cache_.Find(serial, OcspHash::kSha1).has_value());
  }
}

TEST_F(StatusCacheTest, StaysWithinItsBytes) {
  for (int i = 0; i < 20000; ++i) {
    const std::string serial = TestSerial(i);
    ASSERT_TRUE(Insert(serial, 10));
    cache_.Attach(serial, OcspHash::kSha1, MakeFact(10), MakePrepared(800));
    ASSERT_LE(cache_.size().bytes, size_t{1} << 20);
  }
  const StatusCache::Size size = cache_.size();
  EXPECT_GT(size.bytes, (size_t{1} << 20) * 9 / 10);
  EXPECT_GT(size.evictions, 10000);
  EXPECT_EQ(size.entries + size.evictions, 20000);
}

TEST_F(StatusCacheTest, WhatIsAskedForStays) {
  ASSERT_TRUE(Insert(serial_, 10));
  for (int i = 2; i < 20000; ++i) {
    ASSERT_TRUE(cache_.Find(serial_, OcspHash::kSha1).has_value()) << i;
    ASSERT_TRUE(Insert(TestSerial(i), 10));
  }
  EXPECT_GT(cache_.size().evictions, 0);
}

TEST_F(StatusCacheTest, ManyThreadsAtOnce) {
  std::atomic<int64_t> revision{11};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this, &revision] {
      for (int i = 0; i < 3000; ++i) {
        const std::string serial = TestSerial(i % 50);
        Insert(serial, revision);
        if (auto found = cache_.Find(serial, OcspHash::kSha1);
            found.has_value()) {
          cache_.Attach(serial, OcspHash::kSha1, found->fact, MakePrepared());
        }
      }
    });
  }
  for (int i = 0; i < 3000; ++i) {
    cache_.Apply(TestSerial(i % 50), MakeFact(++revision, true));
  }
  cache_.Restart(revision);
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LE(cache_.size().entries, 50);
}

}  // namespace
}  // namespace birthmark::status
