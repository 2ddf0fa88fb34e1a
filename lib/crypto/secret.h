// SecretBytes holds raw key bytes: they are wiped when it goes, it cannot be
// copied, and nothing prints it.

#ifndef BIRTHMARK_LIB_CRYPTO_SECRET_H_
#define BIRTHMARK_LIB_CRYPTO_SECRET_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace birthmark::crypto {

// KeyExportToken is what it takes to look inside a SecretBytes. Its one maker
// is in key_export_token.h, which only lib/crypto and lib/keys may depend on:
// review is a search for its name.
class KeyExportToken;

// SecretBytes is move-only; a moved-from one is empty. Const use is
// thread-safe.
class SecretBytes {
 public:
  SecretBytes() = default;
  ~SecretBytes();
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  // Random returns `size` unpredictable bytes.
  static SecretBytes Random(size_t size);

  // Take copies `bytes` and wipes the original.
  static SecretBytes Take(std::string&& bytes);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Equal compares in a time that depends on the lengths alone.
  bool Equal(const SecretBytes& other) const;

  // Expose returns a view of the bytes, good while this object lives.
  absl::string_view Expose(const KeyExportToken& token) const;

 private:
  explicit SecretBytes(size_t size);

  char* data_ = nullptr;
  size_t size_ = 0;
};

// ConstantTimeEqual compares MACs and tokens in a time that depends on the
// lengths alone.
[[nodiscard]] bool ConstantTimeEqual(absl::string_view a, absl::string_view b);

// Wipe overwrites and empties `bytes`, in a way no compiler removes.
void Wipe(std::string& bytes);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_SECRET_H_
