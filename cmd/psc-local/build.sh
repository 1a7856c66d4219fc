#!/bin/sh
# Builds psc-local and prints the folder that holds it, as the last line on standard output:
#
#   dist=$(cmd/psc-local/build.sh) && "$dist/psc-local" up
#
# The folder is in a cache. Its name is a hash of everything that goes into it, so an existing folder is used as it is.
# The first build takes about six minutes on two cores. It needs Go, and for a real node a C compiler and libseccomp's headers.
set -eu
cd "$(dirname "$0")"
say() { echo "psc-local: $*" >&2; }

cache=${PSC_LOCAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/psc-local}
export GOFLAGS="-trimpath -buildvcs=false -tags=no_btrfs,no_zfs,no_devmapper"
os=$(go env GOOS)
sum=sha256sum; command -v sha256sum >/dev/null || sum="shasum -a 256"
hash=$( (go env GOVERSION GOOS GOARCH; find . -type f ! -name '.*' ! -name '*_test.go' ! -path './testdata/*' | LC_ALL=C sort | xargs $sum) | $sum | cut -c1-16)
dist=$cache/$hash
if [ -d "$dist" ]; then
  touch "$dist"; echo "$dist"; exit
fi

mkdir -p "$cache"
if command -v flock >/dev/null; then # of two builds at once, the second finds the result of the first
  exec 9>"$cache/.lock"; flock 9
  if [ -d "$dist" ]; then echo "$dist"; exit; fi
fi
temp=$(mktemp -d "$cache/.build.XXXXXX"); trap 'rm -rf "$temp"' EXIT INT TERM
module() { go list -m -f '{{.Dir}}' "$1"; }
tag() { go list -m -f '{{.Version}}' "$1"; }

# Without these the components do not know their versions, and clients cannot parse them.
kubernetes=$(tag k8s.io/kubernetes)
minor=${kubernetes#v1.}; minor=${minor%%.*}
v=k8s.io/component-base/version
flags="-s -w -X $v.gitVersion=$kubernetes -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $v.gitTreeState=clean"
flags="$flags -X github.com/containerd/containerd/v2/version.Version=$(tag github.com/containerd/containerd/v2)"
flags="$flags -X sigs.k8s.io/kwok/pkg/consts.Version=$(tag sigs.k8s.io/kwok)"
say "building psc-local with Kubernetes $kubernetes (some minutes when nothing is cached)"
go build -ldflags "$flags" -o "$temp/psc-local" .

# The files that psc-local reads beside its binary: CRDs for every cluster, stages for simulated nodes.
mkdir "$temp/crds" "$temp/kwok"
cp "$(module sigs.k8s.io/gateway-api)"/config/crd/standard/*.yaml "$temp/crds/"
stages=$(module sigs.k8s.io/kwok)/kustomize
for f in stage/node/fast/node-initialize stage/node/heartbeat-with-lease/node-heartbeat-with-lease \
  stage/pod/fast/pod-ready stage/pod/fast/pod-complete stage/pod/fast/pod-delete \
  stage/volume/fast/pv-bind stage/volume/fast/pv-delete stage/volume/fast/pvc-delete stage/volume/fast/pvc-provision \
  metrics/usage/usage-from-annotation metrics/resource/metrics-resource; do
  cp "$stages/$f.yaml" "$temp/kwok/"
done

# The programs of a real node that are not in the binary, because they must be small or start once per container.
if [ "$os" = linux ]; then
  say "building the node's programs"
  mkdir "$temp/node"
  CGO_ENABLED=0 go build -ldflags "-s -w" -o "$temp/node/" ./pause \
    github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 \
    github.com/containernetworking/plugins/plugins/main/bridge \
    github.com/containernetworking/plugins/plugins/main/loopback \
    github.com/containernetworking/plugins/plugins/ipam/host-local
  if ! CGO_ENABLED=1 GOFLAGS="-trimpath -buildvcs=false -tags=seccomp" go build -ldflags "-s -w" -o "$temp/node/runc" github.com/opencontainers/runc >"$temp/runc.log" 2>&1; then
    if runc=$(command -v runc); then
      say "cannot build runc (is libseccomp-dev missing?): using $runc"; cp "$runc" "$temp/node/runc"
    else
      say "cannot build runc: only simulated nodes. Install libseccomp-dev and a C compiler, or runc, and remove $dist"; tail -5 "$temp/runc.log" >&2
    fi
  fi
  rm -f "$temp/runc.log"
fi
chmod -R go+rX "$temp"
mv "$temp" "$dist"
find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +7 ! -path "$dist" -exec rm -rf {} +
echo "$dist"
