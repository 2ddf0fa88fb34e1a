#include "lib/http/inbox.h"

#include <utility>

namespace birthmark::http {
namespace {

thread_local Inbox::Inline* innermost = nullptr;

}  // namespace

Inbox::Inline::Inline(const Inbox& inbox, uint64_t conversation,
                      uint64_t sequence)
    : inbox_(inbox),
      conversation_(conversation),
      sequence_(sequence),
      outer_(innermost) {
  innermost = this;
}

Inbox::Inline::~Inline() { innermost = outer_; }

Inbox::Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}

void Inbox::Answer(uint64_t conversation, uint64_t sequence,
                   Response response) {
  Inline* const here = innermost;
  if (here != nullptr && &here->inbox_ == this &&
      here->conversation_ == conversation && here->sequence_ == sequence) {
    here->response_ = std::move(response);
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (wake_ == nullptr) {
    return;
  }
  answers_.push_back({conversation, sequence, std::move(response)});
  if (answers_.size() == 1) {
    wake_();
  }
}

void Inbox::Take(std::vector<Answered>& answers) {
  const std::lock_guard<std::mutex> lock(mutex_);
  answers.swap(answers_);
}

void Inbox::Close() {
  std::vector<Answered> dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_ = nullptr;
  dropped.swap(answers_);
}

}  // namespace birthmark::http
