// HttpClient speaks HTTP/1.1 on a socket of its own, also badly, for tests of
// servers.
#ifndef BIRTHMARK_TESTS_SUPPORT_HTTP_CLIENT_H_
#define BIRTHMARK_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::tests {

struct HttpAnswer {
  int code = 0;  // 0: there was no answer
  std::string head;
  std::string body;

  // Field returns a header field's value, "" if there is none.
  std::string Field(absl::string_view name) const;
};

// HttpClient is one connection. Not thread-safe.
class HttpClient {
 public:
  // Connects to `host:port`; nothing takes longer than `timeout`.
  explicit HttpClient(const std::string& address,
                      absl::Duration timeout = absl::Seconds(30));
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return fd_ >= 0; }
  // Send sends these octets as they are; false if the peer does not take them.
  bool Send(absl::string_view octets);
  // End says that nothing more is sent; answers still come.
  void End();
  // Read reads one answer, which must say its Content-Length.
  HttpAnswer Read();
  // Closed says whether the server has closed the connection.
  bool Closed();
  int descriptor() const { return fd_; }

  HttpAnswer Get(absl::string_view path, absl::string_view more_fields = "");
  HttpAnswer Post(absl::string_view path, absl::string_view content_type,
                  absl::string_view body);

 private:
  int fd_ = -1;
  std::string buffer_;  // what came after the last answer
};

// PostRequest returns the octets of a POST.
std::string PostRequest(absl::string_view path, absl::string_view content_type,
                        absl::string_view body);

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_HTTP_CLIENT_H_
