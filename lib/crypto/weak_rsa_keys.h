// WeakRsaKeys makes RSA keys as devices do that have too little entropy. For
// tests alone.

#ifndef BIRTHMARK_LIB_CRYPTO_WEAK_RSA_KEYS_H_
#define BIRTHMARK_LIB_CRYPTO_WEAK_RSA_KEYS_H_

#include <string>
#include <vector>

namespace birthmark::crypto {

struct WeakRsaKey {
  std::string spki_der;
  std::string pem;  // PKCS#8, in the clear
};

// RsaKeysWithOnePrime returns `count` fresh keys of 2048 bits that have one
// prime in common. A test that cannot have them ends itself.
std::vector<WeakRsaKey> RsaKeysWithOnePrime(int count);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_WEAK_RSA_KEYS_H_
