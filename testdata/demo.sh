#!/usr/bin/env bash
# The demo: it starts a Kubernetes on this machine; psc deploys an app there, changes it and rolls the change back.
# It checks each promise: a wrong answer, a lost request or a wrong share of the traffic ends it with an error.
#
#   testdata/demo.sh [--stop] [--nodes real|simulated] [--name NAME]
#
# --stop stops the cluster afterwards; without it the cluster keeps running. All files are in bin/NAME and psc-local's
# own folder: the demo neither reads nor writes your kubeconfig and your settings of psc.
set -euo pipefail
shopt -s inherit_errexit

name=demo nodes='' stop=''
while [ $# -gt 0 ]; do
  case $1 in
    --stop) stop=yes ;;
    --nodes) nodes=$2 && shift ;;
    --name) name=$2 && shift ;;
    *) echo "usage: ${0##*/} [--stop] [--nodes real|simulated] [--name NAME]" >&2 && exit 2 ;;
  esac
  shift
done

cd "$(dirname "$0")/.."
root=$PWD state=$PWD/bin/$name load='' up=''
unset PSC_POD PSC_CONTEXT PSC_TOKEN

say() { echo && printf '# %s\n' "$@"; }
fail() { echo "demo: error: $*" >&2 && exit 1; }

ended() {
  code=$?
  [ -z "$load" ] || kill "$load" 2>/dev/null || true
  [ "$code" = 0 ] || printf 'demo: failed%s\n' "${up:+. To look closer: $state/psc status, $state/psc-local --name $name status}" >&2
}
trap ended EXIT

# run prints a command as a user would type it, and runs it, with stdout and stderr in order.
run() {
  local word line='$'
  for word; do
    case $word in *[!A-Za-z0-9_./:=,@%+-]*) word="\"$word\"" ;; esac
    line+=" $word"
  done
  printf '%s\n' "$line"
  "$@" 2>&1
}

# wrap NAME writes bin/demo/NAME, which runs bin/NAME with the demo's own settings.
wrap() {
  printf '#!/bin/sh\nKUBECONFIG=%q XDG_CONFIG_HOME=%q exec %q "$@"\n' "$state/kubeconfig" "$state/config" "$root/bin/$1" >"$state/$1"
  chmod +x "$state/$1"
}

# answer sends one request to the route, at the gateway of this machine; "expect TEXT" checks that the answer contains TEXT.
answer() {
  if command -v curl >/dev/null; then
    run curl -sS --fail --max-time 10 --cacert "$ca" --connect-to "::$gateway" "$url/"
  else
    run load -dial "$gateway" -ca "$ca" -requests 1 "$url/"
  fi
}
expect() {
  [ "$real" ] || return 0
  local got
  got=$(answer) || fail "no answer from $url:"$'\n'"$got"
  printf '%s\n' "$got"
  grep -q "$1" <<<"$got" || fail "expected the answer: $1"
}

# under_load COMMAND... runs the command while clients send requests to the route, and fails if one of them is not answered.
# The clients continue for a moment after the command, while the old instances stop.
under_load() {
  if [ "$real" ]; then
    load -dial "$gateway" -ca "$ca" -rate 100 "$url/" >"$state/load.txt" 2>&1 &
    load=$!
  fi
  run "$@"
  [ "$load" ] || return 0
  sleep 3
  kill "$load" 2>/dev/null || true
  local code=0
  wait "$load" || code=$?
  load=''
  echo 'At the same time, clients sent requests:'
  cat "$state/load.txt"
  [ "$code" = 0 ] || fail 'requests failed during the deploy'
}

say 'Build psc, and psc-local, a Kubernetes for this machine. The first time takes about six minutes.'
run make --no-print-directory build local
mkdir -p "$state"
wrap psc
wrap psc-local
PATH=$state:$PATH
export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'
go build -o "$state/load" ./testdata/apps/load

say 'Start the cluster. Real nodes run containers; simulated nodes only report that they do.'
run psc-local --name "$name" up ${nodes:+--nodes "$nodes"}
up=yes
psc-local --name "$name" kubeconfig >"$state/kubeconfig"
status=$(psc-local --name "$name" status -o json)
field() { grep -o "\"$1\": *\"[^\"]*\"" <<<"$status" | head -n 1 | cut -d '"' -f 4; }
registry=$(field registry) gateway=$(field https) ca=$(field ca) real=yes
if [ "$(field nodes)" = simulated ]; then
  real=''
  say 'The nodes are simulated: no app can answer, so the demo skips the requests to the app.' \
    'Real nodes need Linux, root and the program nft.'
fi

say 'Push two versions of a small web app to the registry of the cluster.'
for version in v1 v2; do
  run go build -ldflags "-s -w -X main.version=$version" -o "bin/$name/hello-$version" ./testdata/apps/hello
  run psc-local --name "$name" push "hello:$version" "bin/$name/hello-$version"
done
image=$registry/hello

say 'Sign in: psc uses the context that the cluster added to the kubeconfig, and does not make it the current one.'
run psc login --context "$(psc-local --name "$name" kubectl config current-context)"

if psc pod show shop -o name >/dev/null 2>&1; then
  say 'Delete the pod named shop that an earlier run has left.'
  run psc pod delete shop --yes
fi

say 'Create a pod: the workspace of a team, a namespace in Kubernetes.'
run psc new-pod shop

say 'Create an app and a route to it. Each change is a revision, a draft until it is deployed.'
run psc app create web --image "$image:v1" --port 8080 --health /healthz --instances 2
run psc route create web --to web

say 'What would a deploy change?'
run psc diff

say 'Deploy. The command returns when both instances are ready and the gateway has accepted the route.'
run psc deploy -m 'first version'
url=$(psc route list -o 'jsonpath={.items[0].urls[0]}')
[ "$url" ] || fail 'the route has no URL'
url=${url%/}

say "The route is $url${real:+, answered by the gateway at $gateway}."
expect 'hello from v1'

say "Change to a second version and deploy it in one step${real:+, while clients send requests to the app: none may fail}."
under_load psc app set web --image "$image:v2" --env GREETING=hi --deploy
expect 'hi from v2'

say 'What happened, and what exactly changed?'
run psc revision list
run psc revision diff 2 3

say 'Roll back to the previous version. History is not rewritten: a rollback is a new revision.'
under_load psc rollback
expect 'hello from v1'
run psc revision list

say 'Version 2 again, but only for one request in ten: a second app, and shares on the route.'
run psc app create web-next --image "$image:v2" --port 8080 --health /healthz --deploy
under_load psc route set web --to web=90,web-next=10 --deploy
if [ "$real" ]; then
  counts=$(run load -dial "$gateway" -ca "$ca" -requests 1000 "$url/") || fail "requests failed:"$'\n'"$counts"
  printf '%s\n' "$counts"
  second=$(awk '/from v2$/ {print $1}' <<<"$counts")
  if [ "${second:-0}" -lt 50 ] || [ "${second:-0}" -gt 150 ]; then
    fail "v2 answered ${second:-0} of 1000 requests, which is not about one in ten"
  fi
fi
run psc status

say "Done, in $SECONDS seconds."
if [ "$stop" ]; then
  run psc-local --name "$name" down
else
  cat <<END

The cluster keeps running. These commands use it, and none of your own settings:

  export PATH="$state:\$PATH"
  psc status
  psc app scale web 3 --deploy
  psc get pods
  psc --help${real:+
  curl --cacert $ca --connect-to ::$gateway $url}

To stop it:  $state/psc-local --name $name down
END
fi
