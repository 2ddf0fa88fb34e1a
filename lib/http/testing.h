// Tests of handlers without a server: a Responder whose answer can be read.

#ifndef BIRTHMARK_LIB_HTTP_TESTING_H_
#define BIRTHMARK_LIB_HTTP_TESTING_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "lib/http/message.h"

namespace birthmark::http {

// AnswerRecorder is thread-safe.
//
//   auto recorder = std::make_shared<AnswerRecorder>();
//   handler(request, Responder(recorder, 0, 0));
//   EXPECT_EQ(recorder->Take()->status, 200);
class AnswerRecorder : public AnswerSink {
 public:
  void Answer(uint64_t /*conversation*/, uint64_t /*sequence*/,
              Response response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    response_ = std::move(response);
  }

  // Take returns the answer if there is one, once.
  std::optional<Response> Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(response_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<Response> response_;  // under mutex_
};

// HeadersOf and BodyOf are "" for null.
inline std::string HeadersOf(const Response& response) {
  return response.headers == nullptr ? "" : *response.headers;
}
inline std::string BodyOf(const Response& response) {
  return response.body == nullptr ? "" : *response.body;
}

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_TESTING_H_
