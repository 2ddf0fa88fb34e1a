// KeyExportToken lets its holder read the raw bytes of a SecretBytes. Only
// lib/crypto and lib/keys may depend on this header.

#ifndef BIRTHMARK_LIB_CRYPTO_KEY_EXPORT_TOKEN_H_
#define BIRTHMARK_LIB_CRYPTO_KEY_EXPORT_TOKEN_H_

namespace birthmark::crypto {

class KeyExportToken {
 public:
  // IUnderstandThatThisExposesKeys is the only way to a token.
  static KeyExportToken IUnderstandThatThisExposesKeys() {
    return KeyExportToken();
  }

 private:
  KeyExportToken() = default;
};

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_KEY_EXPORT_TOKEN_H_
