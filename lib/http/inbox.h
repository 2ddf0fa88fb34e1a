// Inbox is where the answers for one thread's connections arrive.

#ifndef BIRTHMARK_LIB_HTTP_INBOX_H_
#define BIRTHMARK_LIB_HTTP_INBOX_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "lib/http/message.h"

namespace birthmark::http {

// Inbox outlives its thread's connections: Responders share it. Thread-safe.
class Inbox : public AnswerSink {
 public:
  struct Answered {
    uint64_t conversation;
    uint64_t sequence;
    Response response;
  };

  // Inline catches the answer to one request while it lives, if it comes on
  // the thread that made it. Nests.
  class Inline {
   public:
    Inline(const Inbox& inbox, uint64_t conversation, uint64_t sequence);
    ~Inline();
    Inline(const Inline&) = delete;
    Inline& operator=(const Inline&) = delete;

    std::optional<Response>& response() { return response_; }

   private:
    friend class Inbox;
    const Inbox& inbox_;
    const uint64_t conversation_;
    const uint64_t sequence_;
    Inline* const outer_;
    std::optional<Response> response_;
  };

  // `wake` is called, on any thread, when the first answer arrives after a
  // Take.
  explicit Inbox(std::function<void()> wake);

  void Answer(uint64_t conversation, uint64_t sequence,
              Response response) override;

  // Take moves all answers into `answers`, which must be empty.
  void Take(std::vector<Answered>& answers);

  // Close drops answers from now on; `wake` is not called any more.
  void Close();

 private:
  std::mutex mutex_;
  std::function<void()> wake_;     // under mutex_; null: closed
  std::vector<Answered> answers_;  // under mutex_
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_INBOX_H_
