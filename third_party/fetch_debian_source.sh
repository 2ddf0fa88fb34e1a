#!/usr/bin/env bash
# Fetches the upstream tarball of a Debian source package and unpacks it.
#
#   fetch_debian_source.sh SUITE PACKAGE VERSION TARBALL SHA256 DIRECTORY
#
# The archive's address is that of the machine's own apt sources; apt works on
# a private list and in private directories, so that the machine's
# configuration stays as it is and no root is needed. The tarball is kept in
# ~/.cache/birthmark/sources, for the next checkout. The pinned digest decides
# in any case what is used.
set -euo pipefail

suite=$1 package=$2 version=$3 tarball=$4 sha256=$5 directory=$6
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${BIRTHMARK_CACHE:-$HOME/.cache/birthmark}/sources

is_wanted() {
  [[ -f $1 ]] && sha256sum --status -c <<<"$sha256  $1"
}

# Prints one apt source line for $suite, made from the machine's own.
source_line() {
  local label uri
  while read -r label uri; do
    if [[ $label == Debian ]]; then
      echo "deb-src [signed-by=$keyring] $uri $suite main"
      return
    fi
  done < <(apt-get indextargets --format '$(LABEL) $(REPO_URI)' \
    'Created-By: Packages')
  echo "$0: no Debian archive in this machine's apt sources" >&2
  return 1
}

fetch() {
  local apt
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/download"
  source_line >"$work/sources.list"
  apt=(apt-get -qq
    -o "Dir::Etc::SourceList=$work/sources.list"
    -o "Dir::Etc::SourceParts=/dev/null"
    -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work"
    -o "APT::Sandbox::User=$(id -un)")
  "${apt[@]}" update
  # A stable update may have replaced the version; upstream's tarball stays.
  (cd "$work/download" &&
    for wanted in "$package=$version" "$package"; do
      "${apt[@]}" source --download-only --tar-only "$wanted" && break
    done)
  if ! is_wanted "$work/download/$tarball"; then
    echo "$0: $tarball is missing or not the pinned one:" >&2
    sha256sum "$work/download/$tarball" >&2
    return 1
  fi
  mkdir -p "$cache"
  # Two checkouts may fetch at once: the name appears only when complete.
  cp "$work/download/$tarball" "$cache/.$tarball.$$"
  mv "$cache/.$tarball.$$" "$cache/$tarball"
}

if ! is_wanted "$cache/$tarball"; then
  fetch
fi
tar -xf "$cache/$tarball" --strip-components=1 --no-same-owner -C "$directory"
