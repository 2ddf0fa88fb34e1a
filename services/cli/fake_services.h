// FakeServices answers calls of the command line as a test tells it to.

#ifndef BIRTHMARK_SERVICES_CLI_FAKE_SERVICES_H_
#define BIRTHMARK_SERVICES_CLI_FAKE_SERVICES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "lib/rpc/channel.h"

namespace birthmark::cli {

// FakeServices must outlive its channels. Not thread-safe.
class FakeServices {
 public:
  // On lets `handler` answer `method`, which is given without its package.
  template <typename Request, typename Response>
  void On(const std::string& method,
          std::function<absl::StatusOr<Response>(const Request&)> handler) {
    handlers_[method] = [handler](const google::protobuf::Message& request,
                                  google::protobuf::Message& response) {
      absl::StatusOr<Response> answer =
          handler(static_cast<const Request&>(request));
      if (answer.ok()) {
        static_cast<Response&>(response) = *std::move(answer);
      }
      return answer.status();
    };
  }

  std::unique_ptr<rpc::Channel> Connect() {
    return std::make_unique<FakeChannel>(*this);
  }

  // calls are the methods that were called, in order.
  const std::vector<std::string>& calls() const { return calls_; }

 private:
  using Handler = std::function<absl::Status(const google::protobuf::Message&,
                                             google::protobuf::Message&)>;

  class FakeChannel : public rpc::Channel {
   public:
    explicit FakeChannel(FakeServices& services) : services_(services) {}

   protected:
    absl::Status DoUnary(absl::string_view method,
                         const google::protobuf::Message& request,
                         google::protobuf::Message& response,
                         absl::Duration /*timeout*/) override {
      const std::string name(method.substr(method.rfind('.') + 1));
      services_.calls_.push_back(name);
      const auto found = services_.handlers_.find(name);
      if (found == services_.handlers_.end()) {
        return absl::UnimplementedError(absl::StrCat(method, " is not faked"));
      }
      return found->second(request, response);
    }

   private:
    FakeServices& services_;
  };

  std::map<std::string, Handler> handlers_;
  std::vector<std::string> calls_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_FAKE_SERVICES_H_
