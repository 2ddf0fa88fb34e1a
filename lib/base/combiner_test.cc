#include "lib/base/combiner.h"

#include <atomic>
#include <thread>
#include <vector>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

struct Job {
  int in = 0;
  int out = 0;
};

TEST(CombinerTest, DoesOneAtOnce) {
  Combiner<Job> combiner(8, 1, [](const std::vector<Job*>& jobs) {
    ASSERT_EQ(jobs.size(), 1u);
    jobs[0]->out = jobs[0]->in + 1;
  });
  Job job{.in = 1};
  combiner.Run(job);
  EXPECT_EQ(job.out, 2);
}

TEST(CombinerTest, DoesTogetherWhatCameMeanwhile) {
  std::atomic<int> begun{0};
  std::atomic<int> calls{0};
  Combiner<Job> combiner(4, 1, [&](const std::vector<Job*>& jobs) {
    if (calls++ == 0) {
      // Until all others wait.
      while (begun < 7) {
        std::this_thread::yield();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    for (Job* job : jobs) {
      job->out = static_cast<int>(jobs.size());
    }
  });
  std::vector<Job> jobs(7);
  std::vector<std::thread> threads;
  for (Job& job : jobs) {
    threads.emplace_back([&] {
      ++begun;
      combiner.Run(job);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::vector<int> sizes;
  for (const Job& job : jobs) {
    sizes.push_back(job.out);
    EXPECT_LE(job.out, 4);
    EXPECT_GE(job.out, 1);
  }
  EXPECT_LE(calls, 4);
}

TEST(CombinerTest, DoesEachJobOnce) {
  for (const size_t at_a_time : {1, 2}) {
    std::atomic<size_t> at_work{0};
    Combiner<Job> combiner(3, at_a_time, [&](const std::vector<Job*>& jobs) {
      EXPECT_LE(++at_work, at_a_time);
      for (Job* job : jobs) {
        ++job->out;
      }
      --at_work;
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&combiner] {
        for (int i = 0; i < 2000; ++i) {
          Job job;
          combiner.Run(job);
          ASSERT_EQ(job.out, 1);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
}

}  // namespace
}  // namespace birthmark
