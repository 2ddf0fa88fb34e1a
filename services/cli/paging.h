// ListAll reads every page of a List method.

#ifndef BIRTHMARK_SERVICES_CLI_PAGING_H_
#define BIRTHMARK_SERVICES_CLI_PAGING_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/channel.h"

namespace birthmark::cli {

inline constexpr int kPageSize = 1000;  // the API's cap

// ListAll calls `method` until there are no more pages, or `limit` resources
// (0: no limit) have come, and returns all pages as one response. `count` tells
// how many a response holds. The result has a next_page_token only if the limit
// cut it off.
template <typename Response, typename Request, typename Count>
absl::StatusOr<Response> ListAll(rpc::Channel& channel,
                                 absl::string_view method, Request request,
                                 const Count& count, int64_t limit = 0) {
  Response all;
  do {
    const int64_t left = limit - count(all);
    request.set_page_size(
        limit > 0 && left < kPageSize ? static_cast<int32_t>(left) : kPageSize);
    BIRTHMARK_ASSIGN_OR_RETURN(
        const Response page,
        (channel.Unary<Response, Request>(method, request)));
    all.clear_next_page_token();
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && (limit == 0 || count(all) < limit));
  return all;
}

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_PAGING_H_
