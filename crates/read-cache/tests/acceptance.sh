#!/usr/bin/env bash
# Accepts a read cache: waits for its health, then compares what it answers with what jq makes of the lists themselves.
#
#   acceptance.sh BASE_URL [ORGANISATION]
#
# Needs curl and jq. HEALTH_ATTEMPTS (300, ten a second) says how long to wait. Order is that of bytes, whatever the locale of the machine.
set -euo pipefail
export LC_ALL=C

base=${1:?usage: acceptance.sh BASE_URL [ORGANISATION]}
org=${2:-Netflix}
passed=0
failed=0

check() { # name, expected, actual
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s\n  expected: %.200s\n  actual:   %.200s\n' "$1" "$2" "$3"
  fi
}

status() { curl --silent --output /dev/null --write-out '%{http_code}' "$@"; }
# A final x keeps a trailing new line from being lost in $(...).
body() { curl --silent --show-error "$base$1"; printf x; }

for _ in $(seq "${HEALTH_ATTEMPTS:-300}"); do
  [ "$(status "$base/healthcheck")" = 200 ] && break
  sleep 0.1
done
check 'healthcheck is 200' 200 "$(status "$base/healthcheck")"

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
repos=$work/repos.json
curl --silent --show-error "$base/orgs/$org/repos" >"$repos"
check 'repos are one list' array "$(jq --raw-output type "$repos")"
check 'no repository twice' "$(jq length "$repos")" "$(jq '[.[].id] | unique | length' "$repos")"
check 'the organisation is one object' object "$(curl --silent "$base/orgs/$org" | jq --raw-output type)"
check 'members are one list' array "$(curl --silent "$base/orgs/$org/members" | jq --raw-output type)"
check 'the root is one object' object "$(curl --silent "$base/" | jq --raw-output type)"
check 'a query is proxied' 5 "$(curl --silent "$base/orgs/$org/repos?per_page=5" | jq length)"

declare -A field=(
  [forks]=forks_count [last_updated]=updated_at [open_issues]=open_issues_count
  [stars]=stargazers_count [watchers]=watchers_count
)
for metric in forks last_updated open_issues stars watchers; do
  # Both sorts are stable: values descend, and names ascend where they are equal.
  jq --compact-output "[.[] | [.full_name, .${field[$metric]}]] | sort_by(.[0]) | reverse | sort_by(.[1]) | reverse" \
    "$repos" >"$work/all.json"
  for count in 1 5 10 100000; do
    for direction in top bottom; do
      if [ "$direction" = top ]; then slice=".[:$count]"; else slice=".[-$count:]"; fi
      expected=$(jq --compact-output "$slice" "$work/all.json")
      path=/view/$direction/$count/$metric
      actual=$(body "$path")
      check "$path without spaces" "${expected}x" "${actual// /}"
      check "$path with spaces" "${expected//,/, }x" "$actual"
      check "$path by jq" "$expected" "$(jq --compact-output . <<<"${actual%x}")"
    done
  done
done

check 'zero elements are refused' 400 "$(status "$base/view/top/0/stars")"
check 'an unknown metric is not found' 404 "$(status "$base/view/top/5/size")"
check 'an unknown direction is not found' 404 "$(status "$base/view/left/5/stars")"
tag=$(curl --silent --head "$base/orgs/$org/repos" | tr -d '\r' | sed --quiet 's/^etag: //ip')
check 'a known tag is not sent again' 304 "$(status --header "If-None-Match: $tag" "$base/orgs/$org/repos")"

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
