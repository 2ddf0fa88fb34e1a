#!/usr/bin/env bash
# Fails if one of the binaries defines a dynamic symbol of BoringSSL: libpq
# would then call ours with the structures of its own OpenSSL.
set -euo pipefail

status=0
for binary; do
  symbols=$(nm -D --defined-only "$binary" |
    grep -E ' (SSL|EVP|X509|BIO|EC|RSA|ERR|CRYPTO|OPENSSL|ASN1|BN)_' || true)
  if [[ -n $symbols ]]; then
    echo "$binary exports:"
    head -n 10 <<<"$symbols"
    status=1
  fi
  # Without this a stripped or empty file would pass. Not `grep -q`, which ends
  # before nm has said everything.
  if ! nm -D --undefined-only "$binary" |
    grep ' __libc_start_main' >/dev/null; then
    echo "$binary: nm cannot read its dynamic symbols"
    status=1
  fi
done
exit "$status"
