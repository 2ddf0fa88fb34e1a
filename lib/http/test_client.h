// TestClient is a raw TCP client for tests of HTTP servers: it sends what no
// decent client would.

#ifndef BIRTHMARK_LIB_HTTP_TEST_CLIENT_H_
#define BIRTHMARK_LIB_HTTP_TEST_CLIENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::http {

// Not thread-safe.
class TestClient {
 public:
  // Connects to `host:port`. `receive_buffer`, if not 0, is the socket's.
  explicit TestClient(const std::string& address, int receive_buffer = 0);
  ~TestClient();
  TestClient(TestClient&& other) noexcept;
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return descriptor_ >= 0; }

  // Send is false if the other side has closed.
  bool Send(absl::string_view bytes);

  // EndSending closes this direction alone.
  void EndSending();

  // ReadAnswer returns the next answer: head, and a body of Content-Length
  // unless `head_only`. What there is if the other side closes or is silent
  // for 20 seconds.
  std::string ReadAnswer(bool head_only = false);

  // ReadAll returns everything up to the end.
  std::string ReadAll();

  // ClosedWithin says whether the other side closes, whatever it sends before.
  bool ClosedWithin(absl::Duration time);

 private:
  bool ReadSome(int timeout_ms);

  int descriptor_ = -1;
  std::string received_;
};

// Fetch sends `request` on a connection of its own and returns all that comes.
std::string Fetch(const std::string& address, absl::string_view request);

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_TEST_CLIENT_H_
