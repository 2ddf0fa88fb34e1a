// page is what List methods have in common: page sizes and page tokens.
//
//   BIRTHMARK_ASSIGN_OR_RETURN(int size, rpc::PageSize(request.page_size()));
//   BIRTHMARK_ASSIGN_OR_RETURN(std::string cursor, codec.Open(request));
//   auto rows = store.ListAfter(cursor, size + 1);
//   if (rows.size() > size) {
//     rows.pop_back();
//     response.set_next_page_token(codec.Seal(rows.back().id, request));
//   }

#ifndef BIRTHMARK_LIB_RPC_PAGE_H_
#define BIRTHMARK_LIB_RPC_PAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "lib/crypto/aead.h"

namespace birthmark::rpc {

inline constexpr int kDefaultPageSize = 50;
inline constexpr int kMaxPageSize = 1000;

// PageSize returns how many entries a page shall have: `asked`, 50 for 0, at
// most 1000. kInvalidArgument / INVALID_FIELD if it is negative.
absl::StatusOr<int> PageSize(int32_t asked);

// PageTokenCodec makes page tokens: the position in the list, encrypted, and
// bound to the request without its page_size and page_token. A token grants
// nothing: every page is authorised like the first one. It is encrypted so that
// nobody comes to rely on what is in it, and sealed so that the position can be
// used as it is. Immutable, thread-safe.
class PageTokenCodec {
 public:
  // The key is derived from `secret`, which all replicas of a service must
  // share and nobody else should know: the content of its database's dsn_file
  // serves. When it changes, clients that are in the middle of a list get
  // PAGE_TOKEN_MISMATCH and start again.
  explicit PageTokenCodec(absl::string_view secret);

  // Seal returns the token that leads from `request` to the page after
  // `cursor`.
  std::string Seal(absl::string_view cursor,
                   const google::protobuf::Message& request) const;

  // Open returns the cursor in the request's `page_token`, "" if that is empty.
  // kInvalidArgument / PAGE_TOKEN_MISMATCH if it was not made for this request.
  absl::StatusOr<std::string> Open(
      const google::protobuf::Message& request) const;

 private:
  crypto::Aead aead_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_PAGE_H_
