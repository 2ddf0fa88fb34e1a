#!/bin/bash
# Writes the SQL files that it gets as C++ raw strings, so that the binary
# carries the schema that it knows.
set -euo pipefail
cat <<'EOF'
#include "lib/storage/migrator.h"

namespace birthmark::storage {
namespace {

constexpr Migration kMigrations[] = {
EOF
for file in "$@"; do
  name=$(basename "$file")
  version=${name%%_*}
  printf '    {%d, "%s", R"MIGRATION(' "$((10#$version))" "$name"
  cat "$file"
  printf ')MIGRATION"},\n'
done
cat <<'EOF'
};

}  // namespace

absl::Span<const Migration> EmbeddedMigrations() { return kMigrations; }

}  // namespace birthmark::storage
EOF
