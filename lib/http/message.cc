#include "lib/http/message.h"

namespace birthmark::http {

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Responder ended(std::move(*this));
    sink_ = std::move(other.sink_);
    conversation_ = other.conversation_;
    sequence_ = other.sequence_;
  }
  return *this;
}

Responder::~Responder() {
  if (sink_ != nullptr) {
    Response response;
    response.status = 500;
    Send(std::move(response));
  }
}

void Responder::Send(Response response) {
  const std::shared_ptr<AnswerSink> sink = std::move(sink_);
  if (sink != nullptr) {
    sink->Answer(conversation_, sequence_, std::move(response));
  }
}

}  // namespace birthmark::http
