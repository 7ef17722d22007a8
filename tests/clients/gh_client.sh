#!/usr/bin/env bash
# GitHub's own gh over a Unix socket; see README.md in this folder.
set -euo pipefail

gh=${GH:-gh}
per_page=${PER_PAGE:-10}
file=${FILE:-README.md}

# A configuration of its own: neither the caller's login nor anything that talks to another host.
GH_CONFIG_DIR=$(mktemp -d)
trap 'rm -rf "$GH_CONFIG_DIR"' EXIT
export GH_CONFIG_DIR GH_TOKEN=$TOKEN GH_PROMPT_DISABLED=1 GH_NO_UPDATE_NOTIFIER=1 DO_NOT_TRACK=1
unset GH_HOST GITHUB_TOKEN GH_ENTERPRISE_TOKEN
"$gh" config set telemetry disabled
"$gh" config set http_unix_socket "$SOCKET"

api() { "$gh" api "$@"; }
issues() { api --paginate "repos/$REPOSITORY/issues?state=all&per_page=$per_page" --jq "$1"; }
comments() { api --paginate "repos/$REPOSITORY/issues/$1/comments?per_page=$per_page" --jq '.[].id'; }
fail() { echo "$1" >&2; exit 1; }

# Prints the line; $1 is what to add to it.
observe() {
  local login owner repository file_sha titles oldest count digest oldest_comments
  login=$(api user --jq .login)
  repository=$(api "repos/$REPOSITORY" --jq .full_name)
  owner=$(api "users/${REPOSITORY%/*}" --jq .login)
  file_sha=$(api "repos/$REPOSITORY/contents/$file" --jq .sha)
  titles=$(issues '.[].title')
  oldest=$(issues '.[].number' | sort --numeric-sort | sed -n 1p)
  count=$(printf '%s\n' "$titles" | wc -l)
  digest=$(printf '%s\n' "$titles" | sha256sum | cut -d ' ' -f 1)
  oldest_comments=$(comments "$oldest" | wc -l)
  printf '{"client":"gh",%s"file_sha":"%s","issues":%d,"login":"%s","oldest_comments":%d,"owner":"%s","repository":"%s","titles_sha256":"%s"}\n' \
    "$1" "$file_sha" "$count" "$login" "$oldest_comments" "$owner" "$repository" "$digest"
}

write() {
  local number comment newest
  number=$(api --method POST "repos/$REPOSITORY/issues" -f title='written by gh' -f body='through the mirror' --jq .number)
  comment=$(api --method POST "repos/$REPOSITORY/issues/$number/comments" -f body='commented by gh' --jq .id)
  newest=$(issues '.[].number' | sed -n 1p)
  [ "$newest" = "$number" ] || fail "issue $number was created, the list begins with $newest"
  comments "$number" | grep --quiet --line-regexp "$comment" || fail "comment $comment was created and is not listed"
  printf '%s' "$number"
}

case ${1:?read or write} in
  read) observe '' ;;
  write)
    observe '' >/dev/null
    created=$(write)
    observe "\"created\":$created,"
    ;;
  *) fail "unknown task $1" ;;
esac
